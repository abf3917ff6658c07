package jsonread

import (
	"fmt"
	"strconv"

	"github.com/lazaret/lazaret"
)

// How much of the reader's two stacks is allocated with it: enough for most of the
// events that people send.
const (
	firstFrames = 16
	firstNames  = 64
)

// frame is one array or object that is open.
type frame struct {
	object bool
	items  int32  // members or items begun so far
	names  int32  // where the object's names begin in reader.names
	text   int32  // where the object's decoded names begin in reader.decoded
	values int32  // where its values begin in builder.values
	owner  uint32 // in the index; 0 if the object has few members
}

// spans are the members of the outermost object, by position: data[start:end] is the
// value of one.
type spans []span

type span struct {
	name       string
	start, end int
}

// reader reads one text, once. It is a state machine over an explicit stack.
type reader struct {
	data   []byte
	pos    int
	limits Limits
	values int // members and items begun so far, in all
	frames []frame
	err    *Error

	// The names of all members of the objects that are open, outermost first. They
	// serve the search for duplicates, the path of an error and the builder.
	names   []name
	decoded []byte // the names that hold escapes, decoded
	index   index

	build *builder // nil unless values are to be made
	split *spans   // nil unless the outermost object is to be taken apart

	frames0 [firstFrames]frame
	names0  [firstNames]name
}

func newReader(data []byte, l Limits) *reader {
	r := &reader{data: data, limits: l.filled()}
	r.frames, r.names = r.frames0[:0], r.names0[:0]
	return r
}

// text reads the whole text.
func (r *reader) text() *Error {
	if len(r.data) > r.limits.Size {
		r.fail(lazaret.CodeSize, r.limits.Size, "", fmt.Sprintf("the text is longer than %d bytes", r.limits.Size))
		return r.err
	}
	if len(r.data) >= 3 && r.data[0] == 0xEF && r.data[1] == 0xBB && r.data[2] == 0xBF {
		r.syntax(badBOM)
		return r.err
	}
	if compressed(r.data) {
		r.syntax(badCompressed)
		return r.err
	}
	r.space()
	for r.value() && r.next() {
	}
	return r.err
}

// value reads a scalar whole, or opens an array or object and goes on inside it
// until a scalar was read or an empty one was closed. It returns false on an error.
func (r *reader) value() bool {
	for {
		if r.pos >= len(r.data) {
			return r.syntax(wantValue)
		}
		switch r.data[r.pos] {
		case '{':
			if !r.open(true) {
				return false
			}
			if r.at('}') {
				r.close()
				return true
			}
			if !r.member(wantFirstName) {
				return false
			}
		case '[':
			if !r.open(false) {
				return false
			}
			if r.at(']') {
				r.close()
				return true
			}
			if !r.count() {
				return false
			}
		default:
			return r.scalar()
		}
	}
}

// next goes from the end of a value to the beginning of the next one, closing what
// ends in between. It returns false at the end of the text and on an error.
func (r *reader) next() bool {
	for {
		depth := len(r.frames)
		if depth == 1 && r.split != nil && r.frames[0].object {
			r.endMember()
		}
		r.space()
		if depth == 0 {
			if r.pos < len(r.data) {
				r.syntax(afterValue(r.data, r.pos))
			}
			return false
		}
		object := r.frames[depth-1].object
		switch {
		case r.at(','):
			r.pos++
			r.space()
			if object {
				return r.member(wantName)
			}
			return r.count()
		case object && r.at('}'), !object && r.at(']'):
			r.close()
		case object:
			return r.syntax(wantObjectNext)
		default:
			return r.syntax(wantArrayNext)
		}
	}
}

// open enters the array or object whose bracket is at pos.
func (r *reader) open(object bool) bool {
	if len(r.frames) >= r.limits.Depth {
		return r.fail(lazaret.CodeDepth, r.pos, r.path(len(r.frames)), fmt.Sprintf("nested more deeply than %d arrays and objects", r.limits.Depth))
	}
	f := frame{object: object, names: int32(len(r.names)), text: int32(len(r.decoded))}
	if r.build != nil {
		f.values = int32(len(r.build.values))
	}
	r.frames = append(r.frames, f)
	r.pos++
	r.space()
	return true
}

// close leaves the innermost array or object, whose closing bracket is at pos.
func (r *reader) close() {
	f := &r.frames[len(r.frames)-1]
	if r.build != nil {
		r.build.close(r, f)
	}
	r.names = r.names[:f.names]
	r.decoded = r.decoded[:f.text]
	r.frames = r.frames[:len(r.frames)-1]
	r.pos++
}

// count takes note of one more member or item.
func (r *reader) count() bool {
	if r.values >= r.limits.Values {
		return r.fail(lazaret.CodeSize, r.pos, "", fmt.Sprintf("more than %d members and items in all", r.limits.Values))
	}
	r.values++
	r.frames[len(r.frames)-1].items++
	return true
}

// member reads a member's name and its colon, up to the beginning of its value.
func (r *reader) member(want string) bool {
	if !r.at('"') {
		return r.syntax(want)
	}
	if !r.count() {
		return false
	}
	start := r.pos
	end, escaped, f := scanString(r.data, start)
	if f.bad() { // the name is not known: the path is the object's
		return r.faulty(f, len(r.frames)-1)
	}
	n := r.push(start+1, end-1, escaped)
	if !r.limits.AllowDuplicateKeys && r.duplicate(n) {
		return r.fail(lazaret.CodeDuplicateKey, start, r.path(len(r.frames)), badDuplicate)
	}
	r.pos = end
	r.space()
	if !r.at(':') {
		return r.syntax(wantColon)
	}
	r.pos++
	r.space()
	if r.split != nil && len(r.frames) == 1 {
		*r.split = append(*r.split, span{name: string(r.nameText(n)), start: r.pos})
	}
	return true
}

// endMember takes note that the value of the outermost object's last member ended at pos.
func (r *reader) endMember() { (*r.split)[len(*r.split)-1].end = r.pos }

// scalar reads the string, number or literal at pos.
func (r *reader) scalar() bool {
	start := r.pos
	switch c := r.data[start]; {
	case c == '"':
		end, escaped, f := scanString(r.data, start)
		if f.bad() {
			return r.faulty(f, len(r.frames))
		}
		r.pos = end
		if r.build != nil {
			r.build.string(start, end, escaped)
		}
	case c == '-' || '0' <= c && c <= '9':
		end, f := scanNumber(r.data, start, &r.limits)
		if f.bad() {
			return r.faulty(f, len(r.frames))
		}
		r.pos = end
		if r.build != nil {
			r.build.number(start, end)
		}
	case c == 't' || c == 'f' || c == 'n':
		end, f := scanLiteral(r.data, start)
		if f.bad() {
			return r.faulty(f, len(r.frames))
		}
		r.pos = end
		if r.build != nil {
			r.build.literal(c)
		}
	default:
		return r.syntax(wantValue)
	}
	return true
}

// at reports whether c is the byte at pos.
func (r *reader) at(c byte) bool { return r.pos < len(r.data) && r.data[r.pos] == c }

func (r *reader) space() { r.pos = skipSpace(r.data, r.pos) }

func skipSpace(data []byte, i int) int {
	for i < len(data) {
		switch data[i] {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	return i
}

// syntax fails at pos. Like fail and faulty it returns false, for its caller to return.
func (r *reader) syntax(message string) bool {
	if r.pos >= len(r.data) {
		message = "the text ends too early; " + message
	}
	return r.fail(lazaret.CodeSyntax, r.pos, "", message)
}

// faulty fails for what a scanner found, inside the frames that are open up to depth.
func (r *reader) faulty(f fault, depth int) bool {
	path := ""
	if f.code != lazaret.CodeSyntax {
		path = r.path(depth)
	}
	return r.fail(f.code, f.offset, path, f.message)
}

func (r *reader) fail(code lazaret.Code, offset int, path, message string) bool {
	r.err = newError(r.data, code, offset, message)
	r.err.Path = path
	return false
}

// path returns the JSON Pointer to what is being read inside the outermost depth
// frames: in each of them, the member or item that has begun last.
func (r *reader) path(depth int) string {
	var path []byte
	for i, f := range r.frames[:depth] {
		before := len(path)
		if f.object {
			last := int32(len(r.names))
			if i+1 < len(r.frames) {
				last = r.frames[i+1].names
			}
			path = appendToken(path, string(r.nameText(&r.names[last-1])))
		} else {
			path = append(path, '/')
			path = strconv.AppendInt(path, int64(f.items-1), 10)
		}
		if len(path) > maxPath {
			return string(path[:before])
		}
	}
	return string(path)
}
