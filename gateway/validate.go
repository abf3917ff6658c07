package gateway

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// InvalidStream lists everything that is wrong with a stream.
type InvalidStream struct {
	Name   string
	Fields []FieldError
}

// FieldError is what is wrong at one place of a resource.
type FieldError struct {
	Pointer string // JSON Pointer into the resource, such as /sink/file/dir
	Message string
}

// Error lists the places and what is wrong there.
func (e *InvalidStream) Error() string {
	list := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		list[i] = f.Pointer + ": " + f.Message
	}
	return fmt.Sprintf("stream %q is not valid: %s", e.Name, strings.Join(list, "; "))
}

const (
	maxDescription = 4096
	maxPointer     = 1024
	maxHTTPBatch   = 10_000
)

var (
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	dirPattern  = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
	filePattern = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$`)
)

// ValidName says whether a stream may have this name.
func ValidName(name string) bool { return namePattern.MatchString(name) }

// Validate returns nil, or an *InvalidStream with all that is wrong. It looks at the
// stream alone: whether its schema and rules exist is for the catalog to say.
func (s *Stream) Validate() error {
	v := &InvalidStream{Name: s.Name}
	if !ValidName(s.Name) {
		v.add("/name", "must be 1 to 63 characters a-z, 0-9, '.', '_' and '-', and begin with a letter or digit")
	}
	if len(s.Description) > maxDescription || !utf8.ValidString(s.Description) {
		v.add("/description", "must be UTF-8 text of at most %d bytes", maxDescription)
	}
	if s.Schema != nil {
		v.schema(s.Schema)
	}
	v.pointer("/id", s.ID)
	v.pointer("/key", s.Key)
	v.pointer("/time", s.Time)
	v.sink(s.Sink)
	if k := s.Sink.Kafka; k != nil && k.RegistryID && s.Schema == nil {
		v.add("/sink/kafka/registry_id", "needs a schema, whose id it writes")
	}
	v.sources(s)
	v.delivery(s)
	v.quarantine(s)
	v.recent(s.Recent)
	v.evolution(s.Evolution)
	v.namedEvolution(s)
	if len(v.Fields) > 0 {
		return v
	}
	return nil
}

func (v *InvalidStream) add(pointer, format string, args ...any) {
	v.Fields = append(v.Fields, FieldError{Pointer: pointer, Message: fmt.Sprintf(format, args...)})
}

func (v *InvalidStream) schema(ref *SchemaRef) {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if ref.Subject == "" || len(ref.Subject) > 128 || strings.ContainsFunc(ref.Subject, unprintable) {
		v.add("/schema/subject", "must name a schema subject, in 1 to 128 printable characters")
	}
	if ref.Version < 0 {
		v.add("/schema/version", "must be 1 or more; leave it out to follow the latest version")
	}
	v.namedBy(ref)
	v.accept(ref)
}

func (v *InvalidStream) pointer(field, p string) {
	switch {
	case p == "":
	case len(p) > maxPointer || !utf8.ValidString(p):
		v.add(field, "must be UTF-8 text of at most %d bytes", maxPointer)
	case p[0] != '/':
		v.add(field, "must be a JSON Pointer (RFC 6901), which begins with '/': perhaps /%s", strings.TrimLeft(p, "$."))
	default:
		for i := strings.IndexByte(p, '~'); i >= 0; {
			if i+1 >= len(p) || (p[i+1] != '0' && p[i+1] != '1') {
				v.add(field, "must be a JSON Pointer (RFC 6901): write '~' as ~0 and a '/' within a name as ~1")
				return
			}
			next := strings.IndexByte(p[i+1:], '~')
			if next < 0 {
				return
			}
			i += 1 + next
		}
	}
}

func (v *InvalidStream) sink(s SinkSpec) {
	set := 0
	if s.File != nil {
		set++
		v.file(s.File)
	}
	if s.HTTP != nil {
		set++
		v.http(s.HTTP)
	}
	if s.Stdout != nil {
		set++
		v.format("/sink/stdout/format", s.Stdout.Format)
	}
	if s.Kafka != nil {
		set++
		v.kafkaSink(s.Kafka)
	}
	if set != 1 {
		v.add("/sink", "must have exactly one of file, http, kafka and stdout; it has %d", set)
	}
}

func (v *InvalidStream) file(f *FileSink) {
	if len(f.Dir) > 255 || path.Clean(f.Dir) != f.Dir || !dirPattern.MatchString(f.Dir) {
		v.add("/sink/file/dir", "must be a relative path such as clicks or shop/clicks: letters, digits, '.', '_' and '-', no part beginning with '.'")
	}
	v.format("/sink/file/format", f.Format)
	if f.MaxBytes != 0 && (f.MaxBytes < 1024 || f.MaxBytes > 1<<40) {
		v.add("/sink/file/max_bytes", "must be 1024 to 1099511627776 bytes (1 TiB)")
	}
	v.duration("/sink/file/max_age", f.MaxAge, time.Second, 24*time.Hour)
}

func (v *InvalidStream) http(h *HTTPSink) {
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		v.add("/sink/http/url", "must be an absolute http or https URL")
	case u.User != nil:
		v.add("/sink/http/url", "must not hold a user name or password; put an Authorization line into headers_file")
	case u.Fragment != "":
		v.add("/sink/http/url", "must not have a fragment")
	}
	v.format("/sink/http/format", h.Format)
	if h.Batch < 0 || h.Batch > maxHTTPBatch {
		v.add("/sink/http/batch", "must be 1 to %d events", maxHTTPBatch)
	}
	v.duration("/sink/http/timeout", h.Timeout, 100*time.Millisecond, 5*time.Minute)
	if h.HeadersFile != "" && !filePattern.MatchString(h.HeadersFile) {
		v.add("/sink/http/headers_file", "must be a plain file name, not a path")
	}
}

func (v *InvalidStream) format(field string, f Format) {
	if f != "" && f != FormatRecord && f != FormatEvent {
		v.add(field, "must be %s or %s", FormatRecord, FormatEvent)
	}
}

// duration allows zero, which stands for the default.
func (v *InvalidStream) duration(field string, d Duration, lowest, highest time.Duration) {
	if t := time.Duration(d); t != 0 && (t < lowest || t > highest) {
		v.add(field, "must be between %s and %s", lowest, highest)
	}
}
