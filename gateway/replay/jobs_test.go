package replay

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// past is a topic of two partitions whose events are taken ten offsets at a time.
type past struct {
	// batch is called for each batch; nil: all goes well at once.
	batch func(soft context.Context, t Task, p Part) error
}

func (p *past) Plan(_ context.Context, s Spec) ([]Part, error) {
	if s.Topic != "clicks" {
		return nil, wrong("from_topic", "there is no topic %s", s.Topic)
	}
	return []Part{{Partition: 0, From: 5, Next: 5, End: 105}, {Partition: 1, End: 50}}, nil
}

func (p *past) Read(soft, _ context.Context, t Task) error {
	at := t.Part
	for at.Next < at.End {
		if err := context.Cause(soft); err != nil {
			return err
		}
		if p.batch != nil {
			if err := p.batch(soft, t, at); err != nil {
				return err
			}
		}
		at.Next = min(at.Next+10, at.End)
		at.Account = at.Add(9, 1, [][]lazaret.Reason{{{Code: "a.b"}, {Code: "a.b"}, {Code: "c.d"}}})
		if err := t.Save(at); err != nil {
			return err
		}
	}
	return nil
}

func openDB(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func start(t *testing.T, d *db.DB, topics Topics) *Jobs {
	t.Helper()
	j, err := New(t.Context(), Config{DB: d, Topics: topics})
	if err == nil {
		err = j.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Stop(context.Background()) })
	return j
}

func spec() Spec { return Spec{Stream: "s", Topic: "clicks", Since: time.Unix(1, 0).UTC()} }

// ended waits for the end of a job.
func ended(t *testing.T, j *Jobs, id string) Job {
	t.Helper()
	for {
		job, err := j.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !job.State.unfinished() {
			return job
		}
		time.Sleep(time.Millisecond) // looking again at what another goroutine does
	}
}

func TestJobIsDone(t *testing.T) {
	j := start(t, openDB(t), &past{})
	job, err := j.Submit(t.Context(), spec())
	if err != nil {
		t.Fatal(err)
	}
	if job.Total != 150 || job.State != Running {
		t.Errorf("%+v", job)
	}
	job = ended(t, j, job.ID)
	if job.State != Done || job.Done != 150 || job.Events != 150 || job.Accepted != 135 || job.Quarantined != 15 || job.ByCode["a.b"] != 15 || job.ByCode["c.d"] != 15 {
		t.Errorf("%+v", job)
	}
	for _, do := range []func(context.Context, string) (Job, error){j.Cancel, j.Resume} {
		if _, err := do(t.Context(), job.ID); !errors.Is(err, ErrState) {
			t.Error(err)
		}
		if _, err := do(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
}

// A job that is stopped goes on, with other Jobs, at the parts that were saved.
func TestJobGoesOn(t *testing.T) {
	d := openDB(t)
	reached := make(chan struct{})
	halt := &past{batch: func(soft context.Context, t Task, p Part) error {
		if p.Next < 55 || p.Partition == 1 {
			return nil
		}
		t.Trouble(errors.New("the sink is down"))
		close(reached)
		<-soft.Done()
		return context.Cause(soft)
	}}
	first := start(t, d, halt)
	job, err := first.Submit(t.Context(), spec())
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	if job, _ = first.Get(t.Context(), job.ID); job.Trouble != "partition 0: the sink is down" {
		t.Errorf("trouble: %q", job.Trouble)
	}
	if _, err := first.Submit(t.Context(), spec()); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	for range 2 {
		if err := first.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := first.Submit(t.Context(), spec()); !errors.Is(err, ErrStopped) {
		t.Errorf("after the stop: %v", err)
	}
	var from []int64
	second := start(t, d, &past{batch: func(_ context.Context, _ Task, p Part) error {
		if p.Partition == 0 {
			from = append(from, p.Next)
		}
		return nil
	}})
	if job = ended(t, second, job.ID); job.State != Done || job.Events != 150 || from[0] != 55 {
		t.Errorf("%+v, from %v", job, from)
	}
}

// A job that fails, or is cancelled, can be resumed, and then goes on where it was.
func TestJobIsResumed(t *testing.T) {
	for _, how := range []string{"failed", "cancelled"} {
		t.Run(how, func(t *testing.T) {
			reached, mended := make(chan struct{}), false
			p := &past{}
			p.batch = func(soft context.Context, _ Task, at Part) error {
				if at.Next < 55 || mended {
					return nil
				}
				mended = true
				close(reached)
				if how == "failed" {
					return fmt.Errorf("%w: the stream is gone", ErrFinal)
				}
				<-soft.Done()
				return context.Cause(soft)
			}
			j := start(t, openDB(t), p)
			job, err := j.Submit(t.Context(), spec())
			if err != nil {
				t.Fatal(err)
			}
			<-reached
			if how == "cancelled" {
				if job, err = j.Cancel(t.Context(), job.ID); err != nil || job.State != Cancelling {
					t.Fatalf("%+v %v", job, err)
				}
			}
			job = ended(t, j, job.ID)
			if string(job.State) != how || job.Done < 50 || job.Done == job.Total || (how == "failed") != strings.Contains(job.Error, "partition 0: the replay cannot go on: the stream is gone") {
				t.Fatalf("%+v", job)
			}
			if job, err = j.Resume(t.Context(), job.ID); err != nil || job.Error != "" {
				t.Fatalf("%+v %v", job, err)
			}
			if job = ended(t, j, job.ID); job.State != Done || job.Events != 150 {
				t.Errorf("%+v", job)
			}
		})
	}
}

func TestSpecsThatAreWrong(t *testing.T) {
	at := func(n int64) *int64 { return &n }
	with := func(change func(*Spec)) Spec { s := spec(); change(&s); return s }
	j := start(t, openDB(t), &past{})
	for want, s := range map[string]Spec{
		"stream: say which":            with(func(s *Spec) { s.Stream = "" }),
		"from_topic: say which":        with(func(s *Spec) { s.Topic = "" }),
		"from_topic: there is no":      with(func(s *Spec) { s.Topic = "x" }),
		"since: say where to begin":    with(func(s *Spec) { s.Since = time.Time{} }),
		"is in the future":             with(func(s *Spec) { s.Since = time.Now().Add(time.Minute) }),
		"is not after":                 with(func(s *Spec) { s.Until = s.Since }),
		"say offsets or a time":        with(func(s *Spec) { s.Offsets = []Offsets{{}} }),
		"partition 3 is there twice":   {Stream: "s", Topic: "clicks", Offsets: []Offsets{{Partition: 3}, {Partition: 3}}},
		"there is no partition -1":     {Stream: "s", Topic: "clicks", Offsets: []Offsets{{Partition: -1}}},
		"4 is before 5":                {Stream: "s", Topic: "clicks", Offsets: []Offsets{{From: at(5), To: at(4)}}},
		"offsets of partition 0 begin": {Stream: "s", Topic: "clicks", Offsets: []Offsets{{From: at(-1)}}},
		"more than 10000":              {Stream: "s", Topic: "clicks", Offsets: make([]Offsets, MaxOffsets+1)},
	} {
		var input *InputError
		if _, err := j.Submit(t.Context(), s); !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	none := start(t, openDB(t), nil)
	if _, err := none.Submit(t.Context(), spec()); err == nil || !strings.Contains(err.Error(), "this server has no Kafka") {
		t.Error(err)
	}
}

func TestPagesOfJobs(t *testing.T) {
	j := start(t, openDB(t), &past{})
	var made []string
	for range 5 {
		job, err := j.Submit(t.Context(), spec())
		if err != nil {
			t.Fatal(err)
		}
		made = append([]string{job.ID}, made...)
		ended(t, j, job.ID)
	}
	var found []string
	for cursor := ""; ; {
		page, err := j.List(t.Context(), 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range page.Jobs {
			found = append(found, job.ID)
			if job.Events != 150 || job.Partitions != nil {
				t.Errorf("%+v", job)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(found) != fmt.Sprint(made) {
		t.Errorf("%v, want %v", found, made)
	}
	if _, err := j.List(t.Context(), 2, "abc"); err == nil {
		t.Error("took a cursor that is none")
	}
}
