package kafkaio

import (
	"os"
	"testing"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
