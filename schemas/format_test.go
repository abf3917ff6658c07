package schemas

import (
	"errors"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func isCompileError(err error) bool {
	var ce *CompileError
	return errors.As(err, &ce)
}

// formatExamples are the examples of the formats' own specifications, and what they rule
// out. The field mends says that the library gets at least one of the list wrong.
var formatExamples = []struct {
	format, spec string
	mends        bool
	good, bad    []string
}{
	{"uri-template", "RFC 6570, 1.2, 2 and 3.2", true,
		[]string{"", "{var}", "{hello}", "{+path}/here", "here?ref={+path}", "{#path,x}/here", "X{#var}", "X{.var}", "map?{x,y}", "{x,hello,y}", "{+x,hello,y}",
			"{/var}", "{/var,x}/here", "{;x,y}", "{;x,y,empty}", "{?x,y}", "{?x,y,empty}", "?fixed=yes{&x}", "{&x,y,empty}", "{var:3}", "{var:30}", "{list}", "{list*}", "{keys*}",
			"{+path:6}/here", "{+keys*}", "{#path:6}here", "{/list*,path:4}", "{;hello:5}", "{?keys*}", "https://h/branches{/branch}", "http://www.example.com/foo{?query,number}",
			"{a.b}", "{%41}", "{|x}", "'quoted'"},
		[]string{"{", "}", "{}", "{a", "a}", "{{a}}", "{a b}", "a b", "{a..b}", "{.}", "{a:0}", "{a:10000}", "{a:3*}", "{a,}", "%zz", "<x>", "{a-b}"}},
	{"uri", "RFC 3986, 1.1.2 and 5.4", true,
		[]string{"ftp://ftp.is.co.za/rfc/rfc1808.txt", "http://www.ietf.org/rfc/rfc2396.txt", "ldap://[2001:db8::7]/c=GB?objectClass?one", "mailto:John.Doe@example.com",
			"news:comp.infosystems.www.servers.unix", "tel:+1-816-555-1212", "telnet://192.0.2.16:80/", "urn:oasis:names:specification:docbook:dtd:xml:4.1.2", "g:h", "http://a/b/c/g;x?y#s",
			"http://[v1.x]/", "http://a:/", "file:///etc/fstab", "lazaret:orders:1"},
		[]string{"", "//a/b", "/a", "a b:c", "http://a/ b", "http://a/\"", "http://a/<b>", "http://a/{b}", "http://a/é", "http://[::1", "http://[1.2.3.4]/", "http://a:b/", "1a:b", "http://a/%4", "http://a/b#c#d"}},
	{"uri-reference", "RFC 3986, 5.4", true,
		[]string{"", "g", "./g", "g/", "/g", "//g", "?y", "g?y", "#s", "g#s", "g?y#s", ";x", "g;x=1/../y", "../../g", "g?y/./x", "./a:b"},
		[]string{"a b", "\\a", "1a:b", "a|b", "é", "//a b/"}},
	{"iri", "RFC 3987, 3.2 and 1.4", true,
		[]string{"http://example.org/rosé", "http://résumé.example.org", "http://www.example.org/D%C3%BCrst", "http://例え.jp/?ü=\U0010FFFD", "http://[V1.fe]/"},
		[]string{"/rosé", "http://a/ b", "http://a/\u0080", "http://a/\uE000", "http://a/<é>"}},
	{"iri-reference", "RFC 3987", true, []string{"/rosé", "é#ü", ""}, []string{"é b", "é\\"}},
	{"email", "RFC 5321, 4.1.2 and RFC 3696, 3", true,
		[]string{"joe.bloggs@example.com", `"joe bloggs"@example.com`, `"Abc\@def"@example.com`, `"Joe.\\Blow"@example.com`, "user+mailbox@example.com", "customer/department=shipping@example.com",
			"$A12345@example.com", "!def!xyz%abc@example.com", "_somename@example.com", "user@[192.0.2.1]", "user@[IPv6:2001:db8::1]", `"a@b"@example.com`},
		[]string{"", "@example.com", "a@", "a", ".a@example.com", "a.@example.com", "a..b@example.com", "a b@example.com", "a@[1.2.3]", "a@b_c", "a@example.com.", "é@example.com"}},
	{"hostname", "RFC 1123, 2.1 and RFC 952", true,
		[]string{"a", "3com.com", "xn--bcher-kva.example", "a-b.c", "r3---sn.example", strings.Repeat("a", 63) + ".b"},
		[]string{"", ".", "a.", "-a", "a-", "a_b", "a..b", "é", strings.Repeat("a", 64), strings.Repeat("a.", 127)}},
	{"ipv4", "RFC 2673, 3.2", true, []string{"0.0.0.0", "255.255.255.255"}, []string{"1.2.3", "1.2.3.256", "01.2.3.4", "+1.2.3.4", "1.2.3.-4", "1.2.3.4 ", "1.2.3.4.5"}},
	{"ipv6", "RFC 4291, 2.2", false,
		[]string{"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "2001:DB8:0:0:8:800:200C:417A", "FF01::101", "::1", "::", "::13.1.68.3", "::FFFF:129.144.52.38"},
		[]string{"", "1.2.3.4", ":::", "1::2::3", "12345::", "::1%eth0", "1:2:3:4:5:6:7", "::1.2.3"}},
	{"date-time", "RFC 3339, 5.8", true,
		[]string{"1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00", "1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00", "1937-01-01T12:00:27.87+00:20", "1985-04-12t23:20:50z"},
		[]string{"", "1985-04-12 23:20:50Z", "1985-04-12T23:20:50", "1985-02-30T00:00:00Z", "1985-04-12T24:00:00Z", "1990-12-31T23:58:60Z", "1985-04-12T+3:20:50Z", "1985-04-12T23:20:50.Z", "1985-04-12T23:20:50+24:00", "85-04-12T23:20:50Z"}},
	{"time", "RFC 3339, 5.6", true, []string{"23:20:50.52Z", "16:39:57-08:00"}, []string{"23:20:50", "+1:20:50Z", "1:20:50Z", "23:20Z", "23:20:50+0800"}},
	{"date", "RFC 3339, 5.6", false, []string{"1985-04-12", "2024-02-29"}, []string{"2023-02-29", "1985-4-12", "1985-04-12Z", "19850412"}},
	{"duration", "RFC 3339, appendix A", true,
		[]string{"P1Y2M10DT2H30M", "P5W", "PT1S", "P1YT1S", "PT36H", "P1M"},
		[]string{"P", "PT", "P1", "1Y", "P1D2H", "P1Y2D", "PT1H2S", "P1Y1W", "P1DT", "P-1D", "P1.5D", "PT1H1H"}},
	{"period", "RFC 3339, appendix A", true,
		[]string{"1985-04-12T23:20:50Z/1985-06-25T10:30:00Z", "1985-04-12T23:20:50Z/P1Y2M15DT12H30M", "P1Y/1985-04-12T23:20:50Z"}, []string{"P1Y/P1Y", "1985-04-12/1985-04-13", "P1Y2D/1985-04-12T23:20:50Z"}},
	{"uuid", "RFC 4122, 3", false, []string{"f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"}, []string{"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae7dec11d0a76500a0c91e6bf6", "g81d4fae-7dec-11d0-a765-00a0c91e6bf6"}},
	{"json-pointer", "RFC 6901, 5", false, []string{"", "/foo", "/foo/0", "/", "/a~1b", "/c%d", "/e^f", "/g|h", `/i\j`, `/k"l`, "/ ", "/m~0n"}, []string{"a", "/~", "/~2", "#/foo"}},
	{"relative-json-pointer", "draft-handrews-relative-json-pointer-01, 5.1", false, []string{"0", "1/0", "2/highly/nested/objects", "0#", "1#"}, []string{"", "/a", "-1", "01", "0##", "a"}},
	{"regex", "RE2", false, []string{"^a+$", `\d{3}`, "(?i)x"}, []string{"(?=a)", `(a)\1`, "((a{1000}){1000})", "["}},
	{"semver", "semver.org 2.0.0", false, []string{"1.9.0", "1.0.0-alpha.1", "1.0.0-x-y-z.--", "1.0.0-beta+exp.sha.5114f85"}, []string{"1.9", "01.0.0", "1.0.0-01", "1.0.0+", "v1.0.0"}},
}

// TestFormatsByTheirSpecifications: each format takes what its specification gives as
// examples and refuses what it rules out; and what the library gets wrong is exactly what
// the list of deviations says, so that the list can shrink when the library is mended.
func TestFormatsByTheirSpecifications(t *testing.T) {
	mended := map[string]bool{}
	for _, f := range formats() {
		mended[f.name] = true
	}
	for _, c := range formatExamples {
		ours := mustCompile(t, `{"format":"`+c.format+`"}`)
		theirs := library(t, c.format)
		deviates := false
		for i, s := range append(append([]string{}, c.good...), c.bad...) {
			want := i < len(c.good)
			verr, err := validate(ours.root, s)
			if err != nil {
				t.Fatal(err)
			}
			if (verr == nil) != want {
				t.Errorf("%s (%s): %q is %t, expected %t", c.format, c.spec, s, verr == nil, want)
			}
			if (theirs.Validate(s) == nil) != want && c.format != "regex" {
				deviates = true
			}
		}
		if deviates != c.mends {
			t.Errorf("%s: the library deviates: %t, expected %t", c.format, deviates, c.mends)
		}
		if deviates && !mended[c.format] {
			t.Errorf("%s: the library deviates and is not mended", c.format)
		}
		delete(mended, c.format)
	}
	if len(mended) > 0 {
		t.Errorf("formats without examples: %v", mended)
	}
}

// library compiles a format as the library judges it alone.
func library(t *testing.T, format string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(rootURL, map[string]any{"format": format}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(rootURL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FormatCheck says what a compiled schema says.
func TestFormatCheck(t *testing.T) {
	values := []string{"", "a", "2026-01-02T03:04:05Z", "2026-01-02", "03:04:05Z", "a@example.com", "https://example.com/", "192.0.2.1", "::1", "example.com", "0d7f1b4c-9a4e-4b59-9d63-0a2f4f7bb1cd", "[a-z]", "/a", "1.2.3"}
	for _, name := range []string{"date-time", "date", "time", "email", "uri", "ipv4", "ipv6", "hostname", "uuid", "regex", "json-pointer"} {
		s, err := Compile([]byte(`{"format":"`+name+`"}`), Options{})
		if err != nil {
			t.Fatal(err)
		}
		check := FormatCheck(name)
		for _, v := range values {
			r, err := s.Judge([]byte(`"` + v + `"`))
			if err != nil {
				t.Fatal(err)
			}
			if good := len(r.Reasons) == 0; check(v) != good {
				t.Errorf("%s: %q is %v, and %v by the schema", name, v, check(v), good)
			}
		}
	}
	if FormatCheck("idn-email") != nil || FormatCheck("no-such") != nil {
		t.Error("a format that is not checked has a check")
	}
}
