// Package lru keeps things that are dear to make, bounded in number and in size: what was not
// used for longest goes first, one at a time.
package lru

import "sync/atomic"

// Cache is such a store. Get may run at the same time as other Gets; all else excludes
// everything, which is the caller's to see to.
type Cache[K comparable, V any] struct {
	most, mostSize int
	size           int
	turn           atomic.Int64
	list           map[K]*entry[V]
}

type entry[V any] struct {
	value V
	size  int
	used  atomic.Int64
}

// New makes a cache of at most so many values, which are together at most of a size.
func New[K comparable, V any](most, size int) *Cache[K, V] {
	return &Cache[K, V]{most: most, mostSize: size, list: map[K]*entry[V]{}}
}

// Get returns a value and notes that it was used.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	e := c.list[key]
	if e == nil {
		return value, false
	}
	e.used.Store(c.turn.Add(1))
	return e.value, true
}

// Put keeps a value, in place of what the key had. One that is larger than all may be is kept
// alone.
func (c *Cache[K, V]) Put(key K, value V, size int) {
	c.drop(key)
	for len(c.list) > 0 && (len(c.list) >= c.most || c.size+size > c.mostSize) {
		c.drop(c.oldest())
	}
	e := &entry[V]{value: value, size: size}
	e.used.Store(c.turn.Add(1))
	c.list[key], c.size = e, c.size+size
}

// Len is how many values are kept.
func (c *Cache[K, V]) Len() int { return len(c.list) }

func (c *Cache[K, V]) drop(key K) {
	if e := c.list[key]; e != nil {
		c.size -= e.size
		delete(c.list, key)
	}
}

func (c *Cache[K, V]) oldest() (key K) {
	first := int64(-1)
	for k, e := range c.list {
		if used := e.used.Load(); first < 0 || used < first {
			key, first = k, used
		}
	}
	return key
}
