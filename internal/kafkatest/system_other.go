//go:build !unix

package kafkatest

import (
	"context"
	"errors"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

// lock refuses: what holds the broker to our process's life needs a Unix shell.
func lock(context.Context, string) (unlock func(), err error) {
	return nil, errors.New("kafkatest starts brokers on Unix only: name one that runs in KAFKA_BROKERS")
}
