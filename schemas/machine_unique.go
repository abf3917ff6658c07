package schemas

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// distinct reports whether no two items of the array at [start, end), which is
// well-formed, are equal. Items whose fingerprints differ are not equal; only where two
// are the same, or one cannot be told, are the items compared as values.
func (m *machine) distinct(start, end int) bool {
	base := len(m.prints)
	sure := true
	m.items(start, func(from, _ int) bool {
		var h uint64
		h, _, sure = m.fingerprint(from)
		m.prints = append(m.prints, h)
		return sure
	})
	prints := m.prints[base:]
	m.prints = m.prints[:base]
	if sure {
		slices.Sort(prints)
		for k := 1; k < len(prints) && sure; k++ {
			sure = prints[k] != prints[k-1]
		}
	}
	if sure {
		return true
	}
	_, _, found := jsonread.Repeated(m.decode(start, end).([]any))
	return !found
}

// Marks that begin the fingerprints of values of different kinds.
const (
	printText   = 0x9E3779B97F4A7C15
	printNumber = 0xC2B2AE3D27D4EB4F
	printArray  = 0x165667B19E3779F9
	printObject = 0x27D4EB2F165667C5
)

// fingerprint is a hash of the value at i, the same for equal values, and the position
// after it. It is seeded anew for each machine. sure is false for a number that does not
// fit into a decimal.
func (m *machine) fingerprint(i int) (h uint64, end int, sure bool) {
	d := m.data
	switch c := d[i]; c {
	case '"':
		end, looks := scanText(d, i+1)
		return mix(printText, m.hash(d[i+1:end], looks)), end + 1, true
	case '{':
		return m.fingerprintObject(i)
	case '[':
		h = printArray
		for i = skipBlank(d, i+1); d[i] != ']'; {
			var item uint64
			if item, i, sure = m.fingerprint(i); !sure {
				return 0, 0, false
			}
			h = mix(h, item)
			if i = skipBlank(d, i); d[i] == ',' {
				i = skipBlank(d, i+1)
			}
		}
		return mix(h, printArray), i + 1, true
	case 't', 'n':
		return uint64(c), i + 4, true
	case 'f':
		return uint64(c), i + 5, true
	}
	n, end, _, exact := scanNumber(d, i)
	if !exact {
		return 0, 0, false
	}
	for n.scale > 0 && n.mantissa%10 == 0 {
		n.mantissa, n.scale = n.mantissa/10, n.scale-1
	}
	h = mix(printNumber+uint64(n.scale), n.mantissa)
	if n.negative && n.mantissa != 0 {
		h = ^h
	}
	return h, end, true
}

// fingerprintObject adds up what its members hash to, so that their order does not matter.
func (m *machine) fingerprintObject(i int) (h uint64, end int, sure bool) {
	d := m.data
	h = printObject
	for i = skipBlank(d, i+1); d[i] != '}'; {
		to, looks := scanText(d, i+1)
		name := m.hash(d[i+1:to], looks)
		i = skipBlank(d, skipBlank(d, to+1)+1) // over the colon
		var value uint64
		if value, i, sure = m.fingerprint(i); !sure {
			return 0, 0, false
		}
		h += mix(name, value)
		if i = skipBlank(d, i); d[i] == ',' {
			i = skipBlank(d, i+1)
		}
	}
	return mix(h, printObject), i + 1, true
}

// hash is that of what a scanned text stands for.
func (m *machine) hash(text []byte, looks look) uint64 {
	if looks&escaped != 0 {
		m.text = appendUnescaped(m.text[:0], text)
		text = m.text
	}
	return maphash.Bytes(m.others.table.seed, text)
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0xA0761D6478BD642F, b^0xE7037ED1A0B428DB)
	return high ^ low
}
