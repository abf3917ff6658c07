package words

import "testing"

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", -7: "-7", 999: "999", -999: "-999", 1000: "1,000", -1000: "-1,000", 123456: "123,456", -123456: "-123,456", 1234567: "1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	if got := Count(uint64(1) << 62); got != "4,611,686,018,427,387,904" {
		t.Error(got)
	}
	if one, many := Counted(1, "entry", "entries"), Counted(4120, "entry", "entries"); one != "1 entry" || many != "4,120 entries" {
		t.Errorf("%q, %q", one, many)
	}
}
