package rules

import "time"

// readTime is the moment that date makes of a text in one of the layouts. A text in the
// usual form of RFC 3339 is read here: as package time reads it, but that what is rare
// there (a comma, more than nine decimals, a leap second) is left to package time.
func readTime(s string, forms []string) value {
	if usual(forms) {
		if v, ok := readRFC3339(s); ok {
			return v
		}
	}
	for _, form := range forms {
		if t, err := time.ParseInLocation(form, s, time.UTC); err == nil {
			return moment(t)
		}
	}
	return value{}
}

// usual says whether a text is first read as one of RFC 3339.
func usual(forms []string) bool { return forms[0] == time.RFC3339Nano || forms[0] == time.RFC3339 }

// The form of a date and of most of a time, eight characters at a time, the first one
// lowest: what a digit's place has in common with "0", and the others as they are.
const (
	datePart, dateMarks = 0x2d30302d30303030, 0xff0000ff00000000 // 2006-01-
	timePart, timeMarks = 0x30303a3030543030, 0x0000ff0000ff0000 // 02T15:04
	high, pastNine      = 0x8080808080808080, 0x7676767676767676
)

// readRFC3339 reads 2006-01-02T15:04:05, up to nine decimals, and Z or an offset.
func readRFC3339(s string) (value, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[16] != ':' {
		return value{}, false
	}
	a, b := eight(s[:8])^datePart, eight(s[8:16])^timePart
	seconds := s[17:19]
	tens, ones := int(seconds[0]-'0'), int(seconds[1]-'0')
	if (a|b|(a+pastNine)|(b+pastNine))&high != 0 || a&dateMarks|b&timeMarks != 0 || tens > 5 || ones > 9 {
		return value{}, false
	}
	year, month, day := twoDigits(a)*100+twoDigits(a>>16), twoDigits(a>>40), twoDigits(b)
	hour, minute := twoDigits(b>>24), twoDigits(b>>48)
	if month < 1 || month > 12 || day < 1 || day > 28 && day > daysIn(month, year) || hour > 23 || minute > 59 {
		return value{}, false
	}
	nano, offset := 0, 0
	if rest := s[19:]; rest != "Z" {
		var ok bool
		if nano, offset, ok = endOfTime(rest); !ok {
			return value{}, false
		}
	}
	n := daysSince1970(year, month, day)*86_400 + hour*3_600 + minute*60 + tens*10 + ones - offset
	return value{kind: kindMoment, n: n, f: float64(nano)}, true
}

// eight are eight characters as a number, the first one lowest.
func eight(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// twoDigits is the number of which the lowest two bytes are the digits.
func twoDigits(x uint64) int { return int(x&15*10 + x>>8&15) }

// endOfTime reads the decimals of a second, if there are any, and Z or an offset.
func endOfTime(s string) (nano, offset int, ok bool) {
	nano, s = decimals(s)
	if nano < 0 {
		return 0, 0, false
	}
	offset, ok = offsetOf(s)
	return nano, offset, ok
}

// decimals reads the decimals of a second, if there are any; nano is negative if they
// are not of a usual form.
func decimals(s string) (nano int, rest string) {
	if s == "" || s[0] != '.' {
		return 0, s
	}
	i := 1
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		nano = nano*10 + int(s[i]-'0')
		if i > 9 {
			return -1, ""
		}
	}
	if i == 1 {
		return -1, ""
	}
	return nano * int(tens[10-i]), s[i:]
}

// offsetOf reads Z or an offset from UTC, in seconds.
func offsetOf(s string) (seconds int, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	for _, i := range [...]int{1, 2, 4, 5} {
		if s[i]-'0' > 9 {
			return 0, false
		}
	}
	hours, minutes := int(s[1]-'0')*10+int(s[2]-'0'), int(s[4]-'0')*10+int(s[5]-'0')
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	if seconds = hours*3_600 + minutes*60; s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func daysIn(month, year int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days in years that begin with March, so that the day that some
// years have more is the last one.
func daysSince1970(year, month, day int) int {
	if month -= 3; month < 0 {
		month += 12
		year--
	}
	year += 400 // nothing is negative from here
	return year*365 + year/4 - year/100 + year/400 + (month*153+2)/5 + day - 1 - 719_468 - 146_097
}
