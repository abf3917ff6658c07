package replay

import (
	"maps"
	"time"

	"github.com/lazaret/lazaret"
)

// State is where a job is in its life.
type State string

// A cancelling job finishes the batches in hand. A cancelled or failed job can be resumed;
// a done one cannot.
const (
	Running    State = "running"
	Cancelling State = "cancelling"
	Cancelled  State = "cancelled"
	Done       State = "done"
	Failed     State = "failed"
)

// unfinished reports whether a job in this state is to go on at the next start.
func (s State) unfinished() bool { return s == Running || s == Cancelling }

// Job is the account of a replay.
type Job struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	Spec
	// Error is why the job failed; Trouble is why it does not go on just now.
	Error   string `json:"error,omitempty"`
	Trouble string `json:"trouble,omitempty"`
	// Total is how many offsets the plan has, and Done how many of them are behind. They are
	// more than Events where an offset has no event: control records, aborted ones, those
	// that compaction took, tombstones that the stream skips.
	Total int64 `json:"total"`
	Done  int64 `json:"done"`
	Account
	Partitions []Part    `json:"partitions,omitempty"`
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
	Finished   time.Time `json:"finished,omitzero"`
	// Rate is how many events were judged in a second of work.
	Rate float64 `json:"rate"`

	seq    int64
	active time.Duration // that it was worked on
}

// Page is one page of jobs, newest first.
type Page struct {
	Jobs []Job  `json:"replays"`
	Next string `json:"next"`
}

// sum makes the job's account of its partitions'.
func (j *Job) sum() {
	j.Total, j.Done, j.Account = 0, 0, Account{ByCode: map[lazaret.Code]int64{}}
	for i := range j.Partitions {
		p := &j.Partitions[i]
		j.Total += p.End - p.From
		j.Done += p.Next - p.From
		j.Events += p.Events
		j.Accepted += p.Accepted
		j.Quarantined += p.Quarantined
		j.Missing += p.Missing
		for code, n := range p.ByCode {
			j.ByCode[code] += n
		}
	}
	if j.active > 0 {
		j.Rate = float64(j.Events) / j.active.Seconds()
	}
}

// Add returns the account with events that were judged: reasons are those of each bad one.
func (a Account) Add(accepted, quarantined int, reasons [][]lazaret.Reason) Account {
	a.Events += int64(accepted + quarantined)
	a.Accepted += int64(accepted)
	a.Quarantined += int64(quarantined)
	codes := maps.Clone(a.ByCode)
	if codes == nil {
		codes = map[lazaret.Code]int64{}
	}
	for _, of := range reasons {
		seen := map[lazaret.Code]bool{}
		for i := range of {
			if code := of[i].Code; !seen[code] {
				seen[code] = true
				codes[code]++
			}
		}
	}
	a.ByCode = codes
	return a
}
