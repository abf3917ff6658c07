//go:build !race

package schemas

// raceShare divides the size of what is measured under the race detector.
const raceShare = 1
