//go:build race

package schemas

// raceShare divides the size of what is measured: the race detector makes the schema
// library's string comparisons some twenty times slower.
const raceShare = 4
