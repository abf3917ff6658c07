package lru

import "testing"

// What was not used for longest goes first, one at a time, for the number and for the size.
func TestCache(t *testing.T) {
	c := New[int, string](3, 100)
	has := func(want ...int) {
		t.Helper()
		if c.Len() != len(want) {
			t.Errorf("%d are kept, want %v", c.Len(), want)
		}
		for _, key := range want {
			if c.list[key] == nil {
				t.Errorf("%d is gone", key)
			}
		}
	}
	c.Put(1, "a", 10)
	c.Put(2, "b", 10)
	c.Put(3, "c", 10)
	if v, ok := c.Get(1); !ok || v != "a" {
		t.Error(v, ok)
	}
	c.Put(4, "d", 10)
	has(1, 3, 4)
	c.Put(5, "e", 75)
	has(1, 4, 5)
	c.Put(5, "e", 85)
	has(4, 5)
	c.Put(6, "f", 1000)
	has(6)
	c.Put(7, "g", 10)
	has(7)
	if _, ok := c.Get(6); ok || c.size != 10 {
		t.Error(c.size)
	}
}
