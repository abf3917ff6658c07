package rules

import "time"

// readTime is the moment that date makes of a text in one of the layouts. A text in the
// usual form of RFC 3339 is read here: as package time reads it, but that what is rare
// there (a comma, more than nine decimals, a leap second) is left to package time.
func readTime(s string, forms []string) value {
	if forms[0] == time.RFC3339Nano || forms[0] == time.RFC3339 {
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

// readRFC3339 reads 2006-01-02T15:04:05, up to nine decimals, and Z or an offset.
func readRFC3339(s string) (value, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return value{}, false
	}
	century, year, month, day := twoDigits(s, 0), twoDigits(s, 2), twoDigits(s, 5), twoDigits(s, 8)
	hour, minute, second := twoDigits(s, 11), twoDigits(s, 14), twoDigits(s, 17)
	if century|year|month|day|hour|minute|second < 0 {
		return value{}, false
	}
	year += 100 * century
	if month < 1 || month > 12 || day < 1 || day > 31 || day > 28 && day > daysIn(month, year) || hour > 23 || minute > 59 || second > 59 {
		return value{}, false
	}
	nano, rest := decimals(s[19:])
	offset, ok := offsetOf(rest)
	if nano < 0 || !ok {
		return value{}, false
	}
	n := daysSince1970(year, month, day)*86_400 + hour*3_600 + minute*60 + second - offset
	return value{kind: kindMoment, n: n, nano: nano}, true
}

// twoDigits is the number of two digits at i, or negative.
func twoDigits(s string, i int) int {
	tens, ones := s[i]-'0', s[i+1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(tens)*10 + int(ones)
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
	for k := i; k <= 9; k++ {
		nano *= 10
	}
	return nano, s[i:]
}

// offsetOf reads Z or an offset from UTC, in seconds.
func offsetOf(s string) (seconds int, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hours, minutes := twoDigits(s, 1), twoDigits(s, 4)
	if hours|minutes < 0 || hours > 23 || minutes > 59 {
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
