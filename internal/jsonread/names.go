package jsonread

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// An object of up to this many members is searched for duplicates by comparing each
// name with those before it; a larger one through the index.
const fewNames = 16

// name is the decoded name of a member. at and size say where its text lies: in
// reader.data or, from len(data) on, in reader.decoded. head is the name's first
// eight bytes, padded with zeros: most names that differ do so there or in size.
type name struct {
	at, size uint32
	head     uint64
}

// push takes note of the innermost object's next name, whose raw text is data[start:end].
func (r *reader) push(start, end int, escaped bool) *name {
	n := name{at: uint32(start), size: uint32(end - start)}
	if escaped {
		before := len(r.decoded)
		r.decoded = appendUnquoted(r.decoded, r.data[start:end])
		n = name{at: uint32(len(r.data) + before), size: uint32(len(r.decoded) - before)}
	}
	if start+8 <= len(r.data) && !escaped {
		n.head = binary.LittleEndian.Uint64(r.data[start:])
		if n.size < 8 {
			n.head &= 1<<(8*n.size) - 1
		}
	} else {
		var head [8]byte
		copy(head[:], r.nameText(&n))
		n.head = binary.LittleEndian.Uint64(head[:])
	}
	r.names = append(r.names, n)
	return &r.names[len(r.names)-1]
}

// nameText returns the decoded text of the name. It is valid until the object is closed.
func (r *reader) nameText(n *name) []byte {
	if at := int(n.at); at >= len(r.data) {
		at -= len(r.data)
		return r.decoded[at : at+int(n.size)]
	}
	return r.data[n.at : n.at+n.size]
}

func (r *reader) sameName(a, b *name) bool {
	return a.size == b.size && a.head == b.head &&
		(a.size <= 8 || bytes.Equal(r.nameText(a), r.nameText(b)))
}

// duplicate reports whether the innermost object has the name n, its last, already.
func (r *reader) duplicate(n *name) bool {
	f := &r.frames[len(r.frames)-1]
	names := r.names[f.names:]
	if len(names) <= fewNames {
		for i := range names[:len(names)-1] {
			if r.sameName(&names[i], n) {
				return true
			}
		}
		return false
	}
	if f.owner == 0 {
		f.owner = r.index.newOwner()
		for i := range names[:len(names)-1] {
			r.indexed(f.owner, int(f.names)+i)
		}
	}
	return r.indexed(f.owner, len(r.names)-1)
}

// index is a hash table of the names of large objects, all in one: an entry belongs
// to the object that has its owner number. Entries of closed objects stay, and match
// nothing, for no later object has their owner number. The hash is seeded anew for
// every text, so that nobody can prepare names that collide.
type index struct {
	seed    maphash.Seed
	slots   []slot // a power of two, at most half full
	used    int
	mask    uint32
	nowners uint32
}

type slot struct {
	owner uint32 // 0: free
	hash  uint32
	name  uint32 // position in reader.names
}

const firstSlots = 128

func (x *index) newOwner() uint32 {
	if x.nowners == 0 {
		x.seed = maphash.MakeSeed()
		x.resize(firstSlots)
	}
	x.nowners++
	return x.nowners
}

func (x *index) resize(slots int) {
	old := x.slots
	x.slots = make([]slot, slots)
	x.mask = uint32(slots - 1)
	for _, s := range old {
		if s.owner != 0 {
			*x.free(s.hash) = s
		}
	}
}

// free returns the first free slot for the hash.
func (x *index) free(hash uint32) *slot {
	for i := hash & x.mask; ; i = (i + 1) & x.mask {
		if x.slots[i].owner == 0 {
			return &x.slots[i]
		}
	}
}

// indexed reports whether the owner's index holds a name equal to names[at], and
// enters it if not.
func (r *reader) indexed(owner uint32, at int) bool {
	x, n := &r.index, &r.names[at]
	// The owner is mixed in so that objects of the same names spread over the table.
	hash := uint32(maphash.Bytes(x.seed, r.nameText(n))) + owner*0x9E3779B1
	i := hash & x.mask
	for x.slots[i].owner != 0 {
		s := &x.slots[i]
		if s.hash == hash && s.owner == owner && r.sameName(&r.names[s.name], n) {
			return true
		}
		i = (i + 1) & x.mask
	}
	x.slots[i] = slot{owner: owner, hash: hash, name: uint32(at)}
	if x.used++; x.used*2 > len(x.slots) {
		x.resize(2 * len(x.slots))
	}
	return false
}
