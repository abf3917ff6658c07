package sink

import (
	"fmt"
	"path"
	"time"
)

const (
	segmentSuffix = ".ndjson"
	openSuffix    = ".open" // added to the name of the segment that is being written
)

// segment is the segment that is being written.
type segment struct {
	name      string // without openSuffix
	partition string
	f         file
	size      int64     // up to here it is durable
	begun     time.Time // when it was made
	due       time.Time // when it is to be closed
}

func newSegment(name string, f file, now time.Time, maxAge time.Duration) *segment {
	due := now.UTC().Truncate(time.Hour).Add(time.Hour)
	if old := now.Add(maxAge); old.Before(due) {
		due = old
	}
	return &segment{name: name, partition: path.Dir(name), f: f, begun: now, due: due}
}

// partition is the directory of the segments that are begun at t.
func partition(t time.Time) string {
	return t.UTC().Format("dt=2006-01-02/hour=15")
}

// segmentName is the path of a segment; names sort in the order of writing.
func segmentName(t time.Time, seq uint64) string {
	return fmt.Sprintf("%s/%s-%08d%s", partition(t), t.UTC().Format("20060102T150405Z"), seq, segmentSuffix)
}
