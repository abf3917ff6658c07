package admin

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/quarantine"
)

// cursorMark tells a cursor of these lists from other text.
const cursorMark = "after:"

// page cuts a list, which key orders, to what the parameters limit and cursor ask for,
// and returns the cursor of the next page. The cursor holds the key of the last item, so
// that pages neither repeat nor miss what stays.
func page[T any](r *request, list []T, key func(T) string) (part []T, next string, err error) {
	p, err := r.page()
	if err != nil {
		return nil, "", err
	}
	limit := p.Limit
	if limit == 0 {
		limit = quarantine.DefaultLimit
	}
	if p.Cursor != "" {
		after, err := base64.RawURLEncoding.DecodeString(p.Cursor)
		last, ok := strings.CutPrefix(string(after), cursorMark)
		if err != nil || !ok {
			return nil, "", badRequest("This is no cursor of this list: pass the next of the page before as it is.")
		}
		for len(list) > 0 && key(list[0]) <= last {
			list = list[1:]
		}
	}
	if len(list) > limit {
		list = list[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(cursorMark + key(list[limit-1])))
	}
	if list == nil {
		list = []T{}
	}
	return list, next, nil
}

// page reads limit and cursor.
func (r *request) page() (quarantine.Page, error) {
	p := quarantine.Page{Cursor: r.query.Get("cursor")}
	if v := r.query.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > quarantine.MaxLimit {
			return p, badRequest("limit must be 1 to %d.", quarantine.MaxLimit)
		}
		p.Limit = n
	}
	return p, nil
}

// filter reads the filter of a list.
func (r *request) filter() (f quarantine.Filter, err error) {
	q := r.query
	f = quarantine.Filter{
		Stream: q.Get("stream"), Group: q.Get("group"), Code: lazaret.Code(q.Get("code")), Rule: q.Get("rule"),
		Status: quarantine.Status(q.Get("status")), IDs: q["id"], Source: q.Get("source"),
	}
	for name, to := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if v := q.Get(name); v != "" {
			if *to, err = time.Parse(time.RFC3339, v); err != nil {
				return f, badRequest("%s must be a time such as 2026-01-31T12:00:00Z (RFC 3339).", name)
			}
		}
	}
	if v := q.Get("schema_version"); v != "" {
		if f.SchemaVersion, err = strconv.Atoi(v); err != nil || f.SchemaVersion < 1 {
			return f, badRequest("schema_version must be a number from 1.")
		}
	}
	return f, f.Validate()
}
