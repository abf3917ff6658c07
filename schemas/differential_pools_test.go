package schemas

import "strings"

// What random schemas and payloads are made of.

// allNames are names of members. Among them are some that share their first and last eight
// bytes, some that have to be escaped in JSON, in a JSON Pointer or in a URL, and long ones.
var allNames = []string{
	"a", "b", "c", "id", "kind", "type", "name", "x1", "x2", "xx", "y", "ya", "ab", "abc",
	"", "a/b", "m~n", "~1", "é", "日本", "😀", "q\"q", "back\\slash", "tab\t", "\x00", "%25", "sp ace", "#", "$ref", "items",
	"abcdefgh", "abcdefg", "abcdefgh1", "abcdefgh2", "abcdefgh\x00", "abcdefghX12345678", "abcdefghY12345678", "abcdefghX123456789",
	"ünïcödé-näme-that-is-löng", "event_type", "event_time",
	strings.Repeat("long", 40), strings.Repeat("long", 40) + "er",
}

// allTexts are strings of payloads and of schemas.
var allTexts = []string{
	"", "a", "b", "ab", "abc", "abcd", "k1", "k2", "k3", "click", "view", "A1", "AB", "Ab", "12", "1234", "é", "日本語", "😀", "a😀b",
	"q\"", "\\", "/", "\n", "\u0001", "\x7f", "a b", "null", "true", "1", "x-1", "x_1", "abcdefgh", "abcdefghi", "\u2028", "e\u0301",
	"the quick brown fox jumps over the lazy dog",
}

// allNumbers are numbers as they are written in payloads and schemas.
var allNumbers = []string{
	"0", "-0", "0.0", "0e0", "1", "1.0", "1e0", "10e-1", "-1", "2", "3", "5", "7", "10", "1e1", "100", "1E+2", "0.5", "1.5", "2.5", "-2.5", "0.1", "0.3", "0.01", "3.3",
	"99", "256", "65536", "2147483648", "9007199254740993", "123456789012345678", "999999999999999999", "1000000000000000000",
	"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999",
	"-999999999999999999", "-1000000000000000000", "0.000000000000000001", "0.0000000000000000001", "1.000000000000000001", "12345678.9012345678",
	"1e18", "1e19", "1e-18", "1e-19", "1e300", "-1e300", "1e-300", "1.7976931348623157e308", "0.30000000000000004", "4.35", "0.07",
}

// allPatterns are regular expressions, those that are matched by tables and others.
var allPatterns = []string{
	"^[A-Z]{2}$", "^[a-z]+$", "^x", "^x-", "x$", "b", "^$", "", "^a*$", "^[a-z][a-z0-9]*$", "^[a-z]{1,3}$", "^k[0-9]$", "^(a|b)$", "^(ab|cd)$", "^ab?c?$",
	"^[^\"]*$", "^[^a]*$", "^\\d+$", "^\\w+$", "^\\s*$", "^.$", "^.*$", "^.+$", "^(?i)ab$", "(?i:K)1", "^[a-z]+(-[a-z]+)?$", "^[a-z]+(-[0-9]{2})?$",
	"^a{2,}$", "^[ab]{0,2}c$", "^é$", "^[à-ü]+$", "^[\\x20-\\x7e]*$", "^\\p{L}+$", "[0-9]", "^(a+)+$", "^a|b$", "^[\\\\/]$", "^(abc)?d", "^a(b(c)?)?$",
	"^[a-z]*[0-9]+$", "^[a-z]*a$", "^(?:x1|x2|y)$", "^abcdefgh", "\\.", "^[^\\x00-\\x1f]+$", "^(ab)*$", "^a(b*)c$", "^[a-f0-9]{4}(-[a-f0-9]{2}){1,2}$", "\\bab\\b", "^\\S+$", "^a.c$", "^(?s:.)$",
}

// allFormats are the formats that are judged here, by the library, and by nobody.
var allFormats = []string{
	"date-time", "date", "time", "duration", "period", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uri-template",
	"uuid", "json-pointer", "relative-json-pointer", "regex", "semver", "idn-email", "idn-hostname", "unheard-of",
}
