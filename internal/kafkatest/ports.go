package kafkatest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports that brokers get lie below those that systems give to outgoing connections. A
// client that keeps dialling a killed broker on such a port would, sooner or later, be
// given the very port that it dials, connect to itself, and keep the broker from coming
// back.
const firstPort, lastPort = 15000, 31999

// freePorts returns ports of 127.0.0.1 that nobody listens on. Somebody may before we do:
// who starts a server on one tries again with others then.
func freePorts(n int) ([]string, error) {
	var open []net.Listener
	var list []string
	defer func() {
		for _, l := range open {
			l.Close()
		}
	}()
	var err error
	for tries := 0; len(list) < n && tries < 100+n; tries++ {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort+1)))
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err != nil {
			continue
		}
		open, list = append(open, l), append(list, addr)
	}
	if len(list) < n {
		return nil, errors.Join(errors.New("no free port was found"), err)
	}
	return list, nil
}
