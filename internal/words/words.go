// Package words writes numbers for people.
package words

import "strconv"

// Count writes 1234567 as 1,234,567.
func Count[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted is a number of things: "1 entry", "4,120 entries".
func Counted[N int | int64 | uint64](n N, one, many string) string {
	return Count(n) + " " + Plural(n, one, many)
}

// Plural is the word for so many things.
func Plural[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
