package quarantine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// Judge gives the verdict on an event; an error means that we failed. It is called
// concurrently.
type Judge interface {
	Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error)
}

// Sink takes released events. Write returns nil when the batch is durable; a batch of an
// ID that was written already is not written again. An error that is a
// *lazaret.RefusedError says which records were refused for good and that the others are
// durable; one that is a lazaret.ErrRefused otherwise fails the job at once. Forget says that
// the ID will not come again.
type Sink interface {
	Write(ctx context.Context, b lazaret.Batch) error
	Forget(batchID string)
}

// Retry says how long a job bears with a sink that refuses a batch.
type Retry struct {
	Initial time.Duration // the first wait; default 100 ms
	Max     time.Duration // the longest wait; default 5 s
	For     time.Duration // after this the job fails; default 1 min
}

// Config says what jobs work with.
type Config struct {
	Store *Store
	// Judge returns what judges and what takes the events of the stream's active version,
	// or false if there is no such stream. It is asked anew for each page of entries and
	// for each attempt to write, and must be quick.
	Judge func(stream string) (Judge, Sink, bool)
	// SinkAt returns the sink of a version of the stream. A batch is written to the sink of
	// the version that judged it, and to no other, however often it is written and wherever
	// the stream's events go by then. nil is the active version's sink: only right where
	// a stream's sink never changes. It is asked for each attempt to write.
	SinkAt func(ctx context.Context, stream string, version int) (Sink, error)
	// OnReleased, where it is set, is told of each batch that was released. It must be quick.
	OnReleased func(stream string, entries int)
	// Log gets what an operator should know; nil discards it.
	Log *slog.Logger
	// Clock is the time; nil is time.Now.
	Clock func() time.Time
	Retry Retry
	// MaxRunning is how many jobs run at a time, the others wait; default 4.
	MaxRunning int
}

// Limits on jobs.
const (
	DefaultConcurrency = 2
	MaxConcurrency     = 32
	maxUnfinished      = 100
)

// ErrBusy reports that too many jobs are unfinished.
var ErrBusy = fmt.Errorf("%d reprocess jobs are unfinished: wait for some, or cancel them", maxUnfinished)

// ErrStopped reports that jobs are not being run: before Start, or after Stop.
var ErrStopped = errors.New("reprocess jobs are not running")

var errCancelled = errors.New("the job was cancelled")

// Jobs makes and runs reprocess jobs. All methods are safe for concurrent use.
type Jobs struct {
	cfg   Config
	store *Store
	log   *slog.Logger
	slots chan struct{} // one a running job

	hard     context.Context // ends writes and judging when a Stop is out of time
	hardStop context.CancelFunc
	wg       sync.WaitGroup

	mu      sync.Mutex // guards what follows, and that an id runs once
	open    bool       // between Start and Stop
	started bool
	running map[string]context.CancelCauseFunc // by job

	recovering sync.Mutex // held for each attempt to finish an open batch
}

// New makes the jobs; Start runs them.
func New(cfg Config) (*Jobs, error) {
	if cfg.Store == nil || cfg.Judge == nil {
		return nil, errors.New("quarantine jobs need a Store and a Judge")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.MaxRunning <= 0 {
		cfg.MaxRunning = 4
	}
	if cfg.Retry.Initial <= 0 {
		cfg.Retry.Initial = 100 * time.Millisecond
	}
	if cfg.Retry.Max <= 0 {
		cfg.Retry.Max = 5 * time.Second
	}
	if cfg.Retry.For <= 0 {
		cfg.Retry.For = time.Minute
	}
	j := &Jobs{cfg: cfg, store: cfg.Store, log: cfg.Log, slots: make(chan struct{}, cfg.MaxRunning), running: map[string]context.CancelCauseFunc{}}
	j.hard, j.hardStop = context.WithCancel(context.Background())
	return j, nil
}

// Start finishes, in the background, the releases that were under way when the process
// ended, and goes on with the jobs that were not finished. A dry run begins anew.
func (j *Jobs) Start(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.started {
		return errors.New("reprocess jobs were started before")
	}
	c := &conditions{}
	c.add("state IN (?, ?, ?)", string(Pending), string(Running), string(Cancelling))
	list, err := j.store.jobs(ctx, c, math.MaxInt32)
	if err != nil {
		return err
	}
	j.started, j.open = true, true
	for i := len(list) - 1; i >= 0; i-- { // the oldest first
		j.launch(list[i].ID)
		if list[i].State == Cancelling {
			j.running[list[i].ID](errCancelled)
		}
	}
	j.wg.Go(j.finishOthers)
	return nil
}

// Stop has each job stop after the batch in hand and waits for that; when ctx ends it
// no longer waits for sinks, but gives the batch up as a crash would. Unfinished jobs go on
// at the next Start. Stop may be called at any time, and more than once.
func (j *Jobs) Stop(ctx context.Context) error {
	j.mu.Lock()
	j.open = false
	for _, stop := range j.running {
		stop(ErrStopped)
	}
	j.mu.Unlock()
	done := make(chan struct{})
	go func() {
		j.wg.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	j.hardStop()
	<-done
	return err
}

// Submit makes a job over the quarantined entries that the filter selects now, and
// starts it. With dryRun it judges them and changes nothing. concurrency is how many
// entries are judged at a time; 0 is DefaultConcurrency.
func (j *Jobs) Submit(ctx context.Context, f Filter, dryRun bool, concurrency int) (Job, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Job{}, fmt.Errorf("making an id: %w", err)
	}
	return j.submit(ctx, id.String(), f, dryRun, concurrency)
}

// SubmitOnce is Submit for a job whose id the caller has chosen, for good: if there is one of
// that id, whatever has become of it, it is returned and no other is made. So it can be
// repeated after a failure or a crash. Calls for one id must not overlap.
func (j *Jobs) SubmitOnce(ctx context.Context, id string, f Filter, concurrency int) (Job, error) {
	job, err := j.Get(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return job, err
	}
	return j.submit(ctx, id, f, false, concurrency)
}

func (j *Jobs) submit(ctx context.Context, id string, f Filter, dryRun bool, concurrency int) (Job, error) {
	f, err := f.forWrites("reprocessed")
	if err != nil {
		return Job{}, err
	}
	if concurrency == 0 {
		concurrency = DefaultConcurrency
	}
	if concurrency < 1 || concurrency > MaxConcurrency {
		return Job{}, &InputError{"concurrency", fmt.Sprintf("%d is not between 1 and %d", concurrency, MaxConcurrency)}
	}
	job := &storedJob{Job: Job{ID: id, State: Pending, Filter: f, DryRun: dryRun, Concurrency: concurrency,
		Created: db.Time(db.Micros(j.cfg.Clock())), ByCode: map[lazaret.Code]int64{}}}
	job.Updated = job.Created
	if job.maxSeq, err = j.store.newest(ctx); err != nil {
		return Job{}, err
	}
	if job.Matched, _, err = j.store.discardable(ctx, f, job.maxSeq); err != nil {
		return Job{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.room(); err != nil {
		return Job{}, err
	}
	if err := j.store.insertJob(ctx, job); err != nil {
		return Job{}, fmt.Errorf("quarantine: %w", err)
	}
	j.launch(job.ID)
	return job.Job, nil
}

// room reports whether one more job can be launched. j.mu is held.
func (j *Jobs) room() error {
	if !j.open {
		return ErrStopped
	}
	if len(j.running) >= maxUnfinished {
		return ErrBusy
	}
	return nil
}

// Get returns the job, or ErrNotFound.
func (j *Jobs) Get(ctx context.Context, id string) (Job, error) {
	job, err := j.store.job(ctx, id)
	if err != nil {
		return Job{}, err
	}
	return job.Job, nil
}

// List returns a page of the jobs, newest first.
func (j *Jobs) List(ctx context.Context, p Page) (JobPage, error) {
	limit, before, err := p.open("jobs")
	if err != nil {
		return JobPage{}, err
	}
	c := &conditions{}
	if before > 0 {
		c.add("seq < ?", before)
	}
	list, err := j.store.jobs(ctx, c, limit+1)
	if err != nil {
		return JobPage{}, err
	}
	page := JobPage{Jobs: []Job{}}
	if len(list) > limit {
		list = list[:limit]
		page.Next = cursor{List: "jobs", Seq: list[limit-1].seq}.String()
	}
	for _, job := range list {
		page.Jobs = append(page.Jobs, job.Job)
	}
	return page, nil
}

// Cancel has an unfinished job end after the batch in hand and returns it as it is now.
// What it released stays released. ErrState if the job is done or failed.
func (j *Jobs) Cancel(ctx context.Context, id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	stop, running := j.running[id]
	to := Cancelled
	if running {
		to = Cancelling
	}
	if _, err := j.store.setState(ctx, id, j.cfg.Clock(), to, "", Pending, Running, Cancelling); err != nil {
		return Job{}, fmt.Errorf("quarantine: %w", err)
	}
	if running {
		stop(errCancelled)
	}
	job, err := j.store.job(ctx, id)
	if err != nil {
		return Job{}, err
	}
	if job.State == Done || job.State == Failed {
		return job.Job, fmt.Errorf("%w: it is %s and cannot be cancelled", ErrState, job.State)
	}
	return job.Job, nil
}

// Resume goes on with a failed or cancelled job where it ended, over the entries that
// there were when it was made; a dry run begins anew. ErrState if the job is done, or
// running.
func (j *Jobs) Resume(ctx context.Context, id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	job, err := j.store.job(ctx, id)
	if err != nil {
		return Job{}, err
	}
	if _, running := j.running[id]; running || job.State == Done {
		return job.Job, fmt.Errorf("%w: it is %s and cannot be resumed", ErrState, job.State)
	}
	if err := j.room(); err != nil {
		return job.Job, err
	}
	if _, err := j.store.setState(ctx, id, j.cfg.Clock(), Pending, "", job.State); err != nil {
		return job.Job, fmt.Errorf("quarantine: %w", err)
	}
	j.launch(id)
	return j.store.jobValue(ctx, id)
}

func (s *Store) jobValue(ctx context.Context, id string) (Job, error) {
	job, err := s.job(ctx, id)
	if err != nil {
		return Job{}, err
	}
	return job.Job, nil
}

// launch runs the job on a goroutine of its own. j.mu is held.
func (j *Jobs) launch(id string) {
	soft, stop := context.WithCancelCause(j.hard)
	j.running[id] = stop
	j.wg.Go(func() {
		defer stop(nil)
		j.run(soft, id)
	})
}

// isRunning reports whether the job has a goroutine.
func (j *Jobs) isRunning(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, ok := j.running[id]
	return ok
}
