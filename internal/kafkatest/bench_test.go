package kafkatest_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

// From nothing to a broker that answers: its storage formatted, its server started.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		broker, err := kafkatest.Run(b.Context(), kafkatest.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := broker.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// From the kill of a broker to its answer.
func BenchmarkKillAndRestart(b *testing.B) {
	broker := kafkatest.New(b, kafkatest.Options{})
	broker.Topic(b, 4, nil)
	for b.Loop() {
		if err := broker.Kill(); err != nil {
			b.Fatal(err)
		}
		if err := broker.Restart(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
