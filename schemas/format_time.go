package schemas

import (
	"strings"
	"time"
)

// digits reads exactly n digits at the start of s.
func digits(s string, n int) (value int, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for _, c := range []byte(s[:n]) {
		if c < '0' || c > '9' {
			return 0, s, false
		}
		value = value*10 + int(c-'0')
	}
	return value, s[n:], true
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// isTime is full-time of RFC 3339. A leap second is one only at 23:59:60 UTC.
func isTime(s string) bool {
	var hms [3]int
	for i := range hms {
		if i > 0 {
			if !strings.HasPrefix(s, ":") {
				return false
			}
			s = s[1:]
		}
		var ok bool
		if hms[i], s, ok = digits(s, 2); !ok {
			return false
		}
	}
	if hms[0] > 23 || hms[1] > 59 || hms[2] > 60 {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		s = strings.TrimLeft(rest, "0123456789")
		if len(s) == len(rest) {
			return false
		}
	}
	offset, ok := timeOffset(s)
	if !ok {
		return false
	}
	minute := (hms[0]*60 + hms[1] - offset + 24*60) % (24 * 60)
	return hms[2] < 60 || minute == 23*60+59
}

// timeOffset reads time-offset of RFC 3339, in minutes east of UTC.
func timeOffset(s string) (minutes int, ok bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, _, okH := digits(s[1:], 2)
	m, _, okM := digits(s[4:], 2)
	if !okH || !okM || h > 23 || m > 59 {
		return 0, false
	}
	if s[0] == '-' {
		return -h*60 - m, true
	}
	return h*60 + m, true
}

func isDateTime(s string) bool {
	return len(s) > 11 && (s[10] == 'T' || s[10] == 't') && isDate(s[:10]) && isTime(s[11:])
}

// isDuration is duration of RFC 3339, appendix A: within date and time, units follow each
// other without a gap, and weeks stand alone.
func isDuration(s string) bool {
	s, ok := strings.CutPrefix(s, "P")
	if !ok {
		return false
	}
	date, clock, hasTime := strings.Cut(s, "T")
	if hasTime {
		return (date == "" || isUnits(date, "YMD")) && isUnits(clock, "HMS")
	}
	return isUnits(date, "YMD") || isUnits(date, "W")
}

// isUnits reports whether s is one or more numbers, each with the next of the units.
func isUnits(s, units string) bool {
	next := -1
	for s != "" {
		rest := strings.TrimLeft(s, "0123456789")
		if rest == s || rest == "" {
			return false
		}
		at := strings.IndexByte(units, rest[0])
		if at < 0 || next >= 0 && at != next {
			return false
		}
		next, s = at+1, rest[1:]
	}
	return next >= 0
}

func isPeriod(s string) bool {
	start, end, ok := strings.Cut(s, "/")
	switch {
	case !ok:
		return false
	case isDuration(start):
		return isDateTime(end)
	default:
		return isDateTime(start) && (isDateTime(end) || isDuration(end))
	}
}
