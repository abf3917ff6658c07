package quarantine

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Limits of a page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Page says which page of a list is wanted. The zero value is the first page of
// DefaultLimit items.
type Page struct {
	Limit  int
	Cursor string // the Next of the page before; "" for the first
}

// cursor is where a page begins: after the item of this number. It is opaque to
// clients, so that it can change with its version.
type cursor struct {
	Version int    `json:"v"`
	List    string `json:"l"` // which list it belongs to
	Seq     int64  `json:"s"`
}

const cursorVersion = 1

func (c cursor) String() string {
	c.Version = cursorVersion
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // a struct of numbers and a string always encodes
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// open returns the limit and the number below which the page of the list begins; 0 is
// the beginning.
func (p Page) open(list string) (limit int, before int64, err error) {
	limit = p.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if limit < 0 || limit > MaxLimit {
		return 0, 0, &InputError{Field: "limit", Message: fmt.Sprintf("%d is not between 1 and %d", p.Limit, MaxLimit)}
	}
	if p.Cursor == "" {
		return limit, 0, nil
	}
	var c cursor
	data, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Version != cursorVersion || c.List != list || c.Seq <= 0 {
		return 0, 0, &InputError{Field: "cursor", Message: "this is no cursor of this list: pass the next of the page before as it is, or begin without a cursor"}
	}
	return limit, c.Seq, nil
}
