package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
	"time"
)

// A token, as its owner holds it:
//
//	lzt_  43 base62 digits: 256 random bits   6 base62 digits: CRC-32 of what stands before
//
// The prefix and the checksum let a secret scanner find one that leaked, and let us
// tell one that was cut or mistyped; the checksum protects nothing.
const (
	prefix       = "lzt_"
	secretDigits = 43
	checkDigits  = 6
	tokenLength  = len(prefix) + secretDigits + checkDigits
	base62       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Token is what is known of a token. The token itself is known to its owner alone.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Scopes  []Scope   `json:"scopes"`
	Streams []string  `json:"streams,omitempty"` // empty: all streams
	Created time.Time `json:"created,omitzero"`  // zero for a token of lazaret.yaml
	Expires time.Time `json:"expires,omitzero"`  // zero: never
	Revoked time.Time `json:"revoked,omitzero"`  // zero: it is not revoked
	Static  bool      `json:"static,omitempty"`  // it stands in lazaret.yaml
}

// Sum is the SHA-256 of a token: all that is ever stored of one.
type Sum [sha256.Size]byte

// SumOf returns the hash under which a token is known.
func SumOf(token string) Sum { return sha256.Sum256([]byte(token)) }

// ParseSum reads a hash from 64 hexadecimal digits.
func ParseSum(s string) (Sum, error) {
	var sum Sum
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) != len(sum) {
		return sum, fmt.Errorf("a SHA-256 has 64 hexadecimal digits")
	}
	copy(sum[:], b)
	return sum, nil
}

// NewToken returns a fresh token of 256 random bits.
func NewToken() string {
	var secret [32]byte
	rand.Read(secret[:]) // never fails: crypto/rand ends the process instead
	head := prefix + digits(new(big.Int).SetBytes(secret[:]), secretDigits)
	return head + checksum(head)
}

// newID returns the short public name of a token.
func newID() string {
	var b [6]byte
	rand.Read(b[:])
	return "tok_" + hex.EncodeToString(b[:])
}

// misspelt says that s claims to be a token of ours and cannot be one.
func misspelt(s string) bool {
	if !strings.HasPrefix(s, prefix) {
		return false
	}
	if len(s) != tokenLength {
		return true
	}
	head := s[:len(s)-checkDigits]
	return checksum(head) != s[len(head):]
}

func checksum(head string) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], crc32.ChecksumIEEE([]byte(head)))
	return digits(new(big.Int).SetBytes(b[:]), checkDigits)
}

// digits writes n in base 62 with exactly width digits; n must fit.
func digits(n *big.Int, width int) string {
	out := make([]byte, width)
	base, rest := big.NewInt(int64(len(base62))), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, rest)
		out[i] = base62[rest.Int64()]
	}
	return string(out)
}
