package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written as a whole number with or without a unit: 512,
// 64KiB, "16 MiB", 2GiB; KB, MB and GB are powers of ten.
type Size int64

var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

var errSize = errors.New("expected a size such as 512, 64KiB or 16MiB")

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(b []byte) error {
	text, factor := strings.TrimSpace(string(b)), int64(1)
	for _, u := range units {
		if head, ok := strings.CutSuffix(text, u.name); ok {
			text, factor = strings.TrimRight(head, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return errSize
	}
	if int64(n) > math.MaxInt64/factor {
		return fmt.Errorf("the size is out of range")
	}
	*s = Size(int64(n) * factor)
	return nil
}

// MarshalText writes the size so that UnmarshalText reads the same.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the size in the largest binary unit that keeps it whole.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Duration is a length of time, written as in Go: 20s, 1m30s, 500ms.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return errors.New("expected a duration such as 20s or 1m30s")
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration so that UnmarshalText reads the same.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the duration in Go's notation.
func (d Duration) String() string { return time.Duration(d).String() }
