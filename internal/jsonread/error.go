package jsonread

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
)

// Error says what is wrong with a text, and where. Its words never hold a value out
// of the text; Path holds names of members.
type Error struct {
	// Code is one of the json.* codes.
	Code lazaret.Code
	// Offset is the position in bytes from the start of the text, from 0. Where
	// something is missing it is where that was expected; at the end of a text that
	// is cut off, it is the length of the text.
	Offset int
	// Line and Column are the same position for people, from 1. Lines end with a line
	// feed; columns count characters.
	Line, Column int
	// Path is the JSON Pointer to the value or the member that is meant; "" for
	// json.syntax and json.size, which concern the text as a whole. A path longer than
	// 1 KiB is cut after a whole token, and then leads to a value around the place.
	Path string
	// Message says what is wrong and what was expected.
	Message string
}

// Error returns the message with its place.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Reason returns the error as the reason of a verdict.
func (e *Error) Reason() lazaret.Reason {
	return lazaret.Reason{Code: e.Code, Path: e.Path, Message: e.Error()}
}

// newError returns an Error at the offset of data, with line and column counted.
func newError(data []byte, code lazaret.Code, offset int, message string) *Error {
	offset = min(offset, len(data))
	before := data[:offset]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return &Error{
		Code:    code,
		Offset:  offset,
		Line:    bytes.Count(before, []byte{'\n'}) + 1,
		Column:  utf8.RuneCount(before[lineStart:]) + 1,
		Message: message,
	}
}

// fault is what a scanner of one token found wrong, before it is made an Error.
// The zero fault means that nothing is wrong.
type fault struct {
	code    lazaret.Code
	offset  int
	message string
}

func syntaxFault(offset int, message string) fault {
	return fault{lazaret.CodeSyntax, offset, message}
}

func (f fault) bad() bool { return f.code != "" }

// afterValue is what to say of a text that goes on at the offset, after its value.
func afterValue(data []byte, offset int) string {
	switch c := data[offset]; {
	case c == '{', c == '[', c == '"', c == '-', '0' <= c && c <= '9':
		return wantEnd + anotherValue
	}
	return wantEnd
}

// compressed says whether the text begins as gzip or zstd data does, which no JSON does.
func compressed(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0x1F, 0x8B}) || bytes.HasPrefix(data, []byte{0x28, 0xB5, 0x2F, 0xFD})
}

// What the reader expected, in the words of its messages.
const (
	wantValue       = "expected a value"
	wantName        = "expected a member's name in double quotes"
	wantFirstName   = "expected a member's name in double quotes, or }"
	wantColon       = "expected a colon after the member's name"
	wantObjectNext  = "expected a comma or } after the member"
	wantArrayNext   = "expected a comma or ] after the item"
	wantEnd         = "expected the end of the text after the value"
	wantQuote       = "the text ends within a string; expected its closing quote"
	wantEscape      = "expected one of \" \\ / b f n r t u after a backslash"
	wantHex         = "expected four hexadecimal digits after \\u"
	badControl      = "a control character in a string must be written as an escape"
	badUTF8         = "a string holds bytes that are not valid UTF-8"
	badSurrogate    = "an escape stands for half of a surrogate pair; expected both halves"
	anotherValue    = "; another value begins here (several values in one body go one a line, as application/x-ndjson)"
	badCompressed   = "expected a value; the text looks compressed: is Content-Encoding missing?"
	badBOM          = "the text begins with a byte order mark; expected a value"
	wantDigit       = "expected a digit after the minus sign"
	wantFraction    = "expected a digit after the decimal point"
	wantExponent    = "expected a digit in the exponent"
	badLeadingZero  = "a number has no leading zeros; expected a decimal point, an exponent or the number's end"
	wantLiteral     = "expected a value; the names of values are true, false and null"
	badDuplicate    = "the object has a member of this name already"
	wantArray       = "expected an array"
	badClosingArray = "expected the bracket that closes the innermost open array or object"
)
