package quarantine

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strings"

	"github.com/lazaret/lazaret"
)

// fingerprintSize is how many bytes of the hash name a group.
const fingerprintSize = 16

// trait is what two reasons have in common if their entries belong together.
type trait struct {
	code lazaret.Code
	rule string
	path string // normalised
	// cause tells apart what one code is said of for unlike reasons: the message of
	// schema.unknown, which names what the stream accepts and nothing of the event's.
	cause string
}

func (t trait) compare(o trait) int {
	return cmp.Or(cmp.Compare(t.code, o.code), cmp.Compare(t.rule, o.rule), cmp.Compare(t.path, o.path))
}

func (t trait) same(o trait) bool { return t.compare(o) == 0 }

// traits returns the distinct traits of reasons, sorted.
func traits(reasons []lazaret.Reason) []trait {
	list := make([]trait, len(reasons))
	for i, r := range reasons {
		list[i] = trait{code: r.Code, rule: r.Rule, path: normalise(r.Path)}
		if r.Code == lazaret.CodeSchemaUnknown {
			list[i].cause = r.Message
		}
	}
	slices.SortStableFunc(list, trait.compare)
	return slices.CompactFunc(list, trait.same)
}

// fingerprint names the group of the entries of a stream that have these traits.
func fingerprint(stream string, list []trait) string {
	h := sha256.New()
	hashString(h, stream)
	for _, t := range list {
		hashString(h, string(t.code))
		hashString(h, t.rule)
		hashString(h, t.path)
		if t.cause != "" { // of those without, the groups that there were stay
			hashString(h, t.cause)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:fingerprintSize])
}

// hashString writes s with its length before it, so that no two lists of strings are
// written alike.
func hashString(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}

// normalise returns a JSON Pointer with each segment that can be an array index as "*".
func normalise(path string) string {
	if !strings.ContainsAny(path, "0123456789") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if i > 0 && isIndex(s) {
			segments[i] = "*"
		}
	}
	return strings.Join(segments, "/")
}

// isIndex reports whether s is an array index as RFC 6901 writes it: digits without a
// leading zero.
func isIndex(s string) bool {
	if s == "" || s[0] == '0' && len(s) > 1 {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// reasonKey is what the index of reasons knows of a reason.
type reasonKey struct{ code, rule string }

// reasonKeys returns the distinct codes and rules of sorted traits.
func reasonKeys(list []trait) []reasonKey {
	keys := make([]reasonKey, 0, len(list))
	for _, t := range list {
		if k := (reasonKey{string(t.code), t.rule}); len(keys) == 0 || keys[len(keys)-1] != k {
			keys = append(keys, k)
		}
	}
	return keys
}
