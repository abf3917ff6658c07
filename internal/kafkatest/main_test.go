package kafkatest_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

// childEnv makes the test binary a process that starts a broker and waits to be killed.
const childEnv = "KAFKATEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
	}
	os.Exit(kafkatest.Main(m))
}

func child() {
	b, err := kafkatest.Run(context.Background(), kafkatest.Options{Listeners: []kafkatest.Security{kafkatest.TLS}})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(b.Addr(), b.CAFile())
	select {} // until it is killed
}
