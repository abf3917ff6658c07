package cloudevents

import (
	"testing"
	"time"
)

// Promise: a source is a URI-reference, and a dataschema a URI, by RFC 3986.
func TestURIs(t *testing.T) {
	for _, c := range []struct {
		text           string
		reference, uri bool
	}{
		// The examples of RFC 3986, section 1.1.2, and of CloudEvents.
		{"ftp://ftp.is.co.za/rfc/rfc1808.txt", true, true},
		{"http://www.ietf.org/rfc/rfc2396.txt", true, true},
		{"ldap://[2001:db8::7]/c=GB?objectClass?one", true, true},
		{"mailto:John.Doe@example.com", true, true},
		{"news:comp.infosystems.www.servers.unix", true, true},
		{"tel:+1-816-555-1212", true, true},
		{"telnet://192.0.2.16:80/", true, true},
		{"urn:oasis:names:specification:docbook:dtd:xml:4.1.2", true, true},
		{"urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", true, true},
		{"https://github.com/cloudevents", true, true},
		{"/cloudevents/spec/pull/123", true, false},
		{"/sensors/tn-1234567/alerts", true, false},
		{"1-555-123-4567", true, false},

		{"//host/path", true, false},
		{"?q=a/b?c", true, false},
		{"#f", true, false},
		{"a/b:c", true, false},
		{"https://u:p@[::1]:8080/a%20b?q#f", true, true},
		{"https://[v1.fe80:a]/", true, true},
		{"file:///etc/x", true, true},
		{"a:", true, true},

		{"a b", false, false},
		{"1a:b", false, false},
		{":b", false, false},
		{"/a%2", false, false},
		{"/a%zz", false, false},
		{"/ä", false, false},
		{"/a[1]", false, false},
		{"a#b#c", false, false},
		{"/<x>", false, false},
		{`/a\b`, false, false},
		{"http://[::1", false, false},
		{"http://[1.2.3.4]/", false, false},
		{"http://[fe80::1%25eth0]/", false, false},
		{"http://h:80a/", false, false},
		{"http://h:1:2/", false, false},
		{"http://a@b@c/", false, false},
	} {
		if got := isReference(c.text); got != c.reference {
			t.Errorf("isReference(%q) = %v", c.text, got)
		}
		if got := isURI(c.text); got != c.uri {
			t.Errorf("isURI(%q) = %v", c.text, got)
		}
	}
}

// Promise: a time is what RFC 3339 says, its own examples among them, and nothing looser.
func TestTimes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.52Z"},
		{"1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57Z"},
		{"1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z"},
		{"1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"},
		{"1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.87Z"},
		{"2024-02-29t00:00:00z", "2024-02-29T00:00:00Z"},
		{"2024-01-01T00:00:00.123456789123Z", "2024-01-01T00:00:00.123456789Z"},

		{"", ""},
		{"2018-04-05", ""},
		{"2018-04-05 17:31:00Z", ""},
		{"2018-04-05T17:31:00", ""},
		{"2018-04-05T17:31Z", ""},
		{"2018-04-05T7:31:00Z", ""},
		{"2018-04-05T7:31:00.5Z", ""},
		{"9999-12-31T23:59:60Z", ""},
		{"9999-12-31T23:59:59-01:00", ""},
		{"0000-01-01T00:00:00+01:00", ""},
		{"2018-04-05T17:31:00,5Z", ""},
		{"2018-04-05T17:31:00+23:60", ""},
		{"2018-04-05T17:31:00.Z", ""},
		{"2018-02-30T17:31:00Z", ""},
		{"2018-04-05T24:00:00Z", ""},
		{"2018-04-05T17:31:00+24:00", ""},
		{"2018-04-05T17:31:00+0200", ""},
		{"2018-04-05T17:31:60Z", ""},
		{"2018-04-05T17:31:00Z ", ""},
		{" 2018-04-05T17:31:00Z", ""},
	} {
		got, ok := parseTime(c.text)
		if ok != (c.want != "") || ok && got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("parseTime(%q) = %v, %v, want %q", c.text, got, ok, c.want)
		}
	}
}
