package schemas

import (
	"bytes"
	"hash/maphash"
)

// An object of up to this many names beyond those of its schema is searched for
// repetitions by comparing each name with those before it; a larger one through a table.
const fewOthers = 16

// memberNames are the names of the members that no schema names, of all objects that are
// open, outermost first.
type memberNames struct {
	list    []memberName
	decoded []byte // the names that were written with escapes
	table   nameSet
}

type memberName struct {
	from, to int32  // in the payload or, if it is negative, in decoded
	head     uint64 // see head
	owner    uint32 // in the table; of the first name of an object that is in it
}

// cut forgets all names from the n-th on.
func (x *memberNames) cut(n int) {
	if len(x.decoded) > 0 {
		for _, name := range x.list[n:] {
			if name.from < 0 {
				x.decoded = x.decoded[:^name.from]
				break
			}
		}
	}
	x.list = x.list[:n]
}

func (x *memberNames) bytes(d []byte, n *memberName) []byte {
	if n.from < 0 {
		return x.decoded[^n.from:n.to]
	}
	return d[n.from:n.to]
}

// add takes the next name of the object whose names begin at base; false if it has it
// already. name is what d[from:to] stands for. What is returned is the same for as long as
// the object is open.
func (x *memberNames) add(base int, name, d []byte, from, to int) (kept []byte, unique bool) {
	n := memberName{from: int32(from), to: int32(to), head: head(name)}
	if len(name) != to-from {
		n.from = ^int32(len(x.decoded))
		x.decoded = append(x.decoded, name...)
		n.to = int32(len(x.decoded))
		name = x.bytes(d, &n)
	}
	before := x.list[base:]
	if len(before) < fewOthers {
		for i := range before {
			if o := &before[i]; o.head == n.head && bytes.Equal(x.bytes(d, o), name) {
				return name, false
			}
		}
		x.list = append(x.list, n)
		return name, true
	}
	x.list = append(x.list, n)
	first := &x.list[base]
	if first.owner == 0 {
		first.owner = x.table.newOwner()
		for i := range x.list[base : len(x.list)-1] {
			x.enter(first.owner, d, base+i)
		}
	}
	return name, x.enter(first.owner, d, len(x.list)-1)
}

// nameSet is a hash table of the names of large objects. An entry belongs to the object
// that has its owner number; those of objects that are closed stay, and match nothing.
// The hash is seeded anew for each machine, so that nobody can prepare names that collide.
type nameSet struct {
	seed   maphash.Seed
	slots  []nameSlot // a power of two, at most half full
	used   int
	owners uint32
}

type nameSlot struct {
	owner, hash uint32
	name        int32 // in memberNames.list
}

const firstSlots = 256

func (t *nameSet) newOwner() uint32 {
	if t.slots == nil {
		t.slots = make([]nameSlot, firstSlots)
	}
	t.owners++
	return t.owners
}

// reset forgets everything, before another payload.
func (t *nameSet) reset() {
	if t.used == 0 {
		return
	}
	if len(t.slots) > 1<<16 {
		t.slots = make([]nameSlot, firstSlots) // do not keep what one large payload needed
	} else {
		clear(t.slots)
	}
	t.used, t.owners = 0, 0
}

// enter enters list[at]; false if its object has such a name already.
func (x *memberNames) enter(owner uint32, d []byte, at int) bool {
	t, n := &x.table, &x.list[at]
	name := x.bytes(d, n)
	hash := uint32(maphash.Bytes(t.seed, name)) + owner*0x9E3779B1
	mask := uint32(len(t.slots) - 1)
	i := hash & mask
	for ; t.slots[i].owner != 0; i = (i + 1) & mask {
		if s := &t.slots[i]; s.hash == hash && s.owner == owner {
			if o := &x.list[s.name]; o.head == n.head && bytes.Equal(x.bytes(d, o), name) {
				return false
			}
		}
	}
	t.slots[i] = nameSlot{owner, hash, int32(at)}
	if t.used++; t.used*2 > len(t.slots) {
		t.grow()
	}
	return true
}

func (t *nameSet) grow() {
	old := t.slots
	t.slots = make([]nameSlot, 2*len(old))
	mask := uint32(len(t.slots) - 1)
	for _, s := range old {
		if s.owner == 0 {
			continue
		}
		i := s.hash & mask
		for t.slots[i].owner != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = s
	}
}
