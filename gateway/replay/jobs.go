package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/internal/db"
)

// Config says what jobs work with. DB must be set.
type Config struct {
	DB *db.DB
	// Topics is where the past is; nil: the server has none.
	Topics Topics
	Log    *slog.Logger
	Clock  func() time.Time
}

const (
	// maxReading is how many partitions of a job are read at a time: live traffic comes first.
	maxReading = 4
	// planTimeout is how long the topics may take to say what a spec means.
	planTimeout = 20 * time.Second
)

var (
	errCancelled = errors.New("the replay was cancelled")
	errNoKafka   = wrong("from_topic", "this server has no Kafka: put kafka: {brokers: [host:port]} into lazaret.yaml and restart it")
)

// Jobs makes and runs replays. All methods are safe for concurrent use.
type Jobs struct {
	cfg   Config
	store *store
	log   *slog.Logger

	hard     context.Context // ends work in hand when a Stop is out of time
	hardStop context.CancelFunc
	wg       sync.WaitGroup

	mu      sync.Mutex // guards what follows, and that a stream has one job
	open    bool       // between Start and Stop
	running map[string]*running
}

// running is a job that has a goroutine.
type running struct {
	stop context.CancelCauseFunc

	mu       sync.Mutex
	troubles map[int32]string // by partition
}

// New makes the jobs and their tables; Start runs them.
func New(ctx context.Context, cfg Config) (*Jobs, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	st, err := newStore(ctx, cfg.DB)
	if err != nil {
		return nil, err
	}
	j := &Jobs{cfg: cfg, store: st, log: cfg.Log, running: map[string]*running{}}
	j.hard, j.hardStop = context.WithCancel(context.Background())
	return j, nil
}

// Start goes on, in the background, with the jobs that have not ended.
func (j *Jobs) Start(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	list, err := j.store.unfinished(ctx, "")
	if err != nil {
		return err
	}
	j.open = true
	for i := range list {
		j.launch(list[i])
		if list[i].State == Cancelling {
			j.running[list[i].ID].stop(errCancelled)
		}
	}
	return nil
}

// Stop has each job stop after the batches in hand and waits for that; when ctx ends they
// are cut off, as by a crash. Unfinished jobs go on at the next Start. Stop may be called
// at any time, and more than once.
func (j *Jobs) Stop(ctx context.Context) error {
	j.mu.Lock()
	j.open = false
	for _, r := range j.running {
		r.stop(ErrStopped)
	}
	j.mu.Unlock()
	defer context.AfterFunc(ctx, j.hardStop)()
	j.wg.Wait()
	j.hardStop()
	return ctx.Err()
}

// Submit makes a job and starts it.
func (j *Jobs) Submit(ctx context.Context, s Spec) (Job, error) {
	now := j.cfg.Clock().UTC()
	if err := s.validate(now); err != nil {
		return Job{}, err
	}
	if j.cfg.Topics == nil {
		return Job{}, errNoKafka
	}
	if err := j.room(ctx, s.Stream); err != nil { // also before Kafka is asked
		return Job{}, err
	}
	plan, err := j.plan(ctx, s)
	if err != nil {
		return Job{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Job{}, fmt.Errorf("making an id: %w", err)
	}
	job := Job{ID: id.String(), State: Running, Spec: s, Partitions: plan, Created: db.Time(db.Micros(now))}
	job.Updated = job.Created
	job.sum()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.vacant(ctx, s.Stream); err != nil {
		return Job{}, err
	}
	if err := j.store.insert(ctx, &job); err != nil {
		return Job{}, fmt.Errorf("replays: %w", err)
	}
	j.launch(job)
	return job, nil
}

func (j *Jobs) plan(ctx context.Context, s Spec) ([]Part, error) {
	asking, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	plan, err := j.cfg.Topics.Plan(asking, s)
	if err != nil && ctx.Err() == nil && asking.Err() != nil {
		err = fmt.Errorf("%w within %s: %w", ErrUnavailable, planTimeout, err)
	}
	return plan, err
}

func (j *Jobs) room(ctx context.Context, stream string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.vacant(ctx, stream)
}

// vacant reports whether the stream can have a job. j.mu is held.
func (j *Jobs) vacant(ctx context.Context, stream string) error {
	if !j.open {
		return ErrStopped
	}
	list, err := j.store.unfinished(ctx, stream)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		return fmt.Errorf("%w: %s of stream %s is %s; wait for it, or cancel it", ErrBusy, list[0].ID, stream, list[0].State)
	}
	return nil
}

// Get returns the job, or ErrNotFound.
func (j *Jobs) Get(ctx context.Context, id string) (Job, error) {
	job, err := j.store.get(ctx, id)
	if err != nil {
		return Job{}, err
	}
	return j.told(job), nil
}

// told adds to a job what only a running one has.
func (j *Jobs) told(job Job) Job {
	j.mu.Lock()
	r := j.running[job.ID]
	j.mu.Unlock()
	if r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range job.Partitions {
			if text, ok := r.troubles[job.Partitions[i].Partition]; ok {
				job.Trouble = fmt.Sprintf("partition %d: %s", job.Partitions[i].Partition, text)
				break
			}
		}
	}
	return job
}

// List returns a page of the jobs without their partitions, newest first.
func (j *Jobs) List(ctx context.Context, limit int, cursor string) (Page, error) {
	page, err := j.store.list(ctx, limit, cursor)
	for i := range page.Jobs {
		page.Jobs[i] = j.told(page.Jobs[i])
		page.Jobs[i].Partitions = nil
	}
	return page, err
}

// Cancel has an unfinished job end after the batches in hand and returns it as it is now.
// What it delivered stays delivered. ErrState if the job has ended otherwise.
func (j *Jobs) Cancel(ctx context.Context, id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	to := Cancelled
	r := j.running[id]
	if r != nil {
		to = Cancelling
	}
	if err := j.store.setState(ctx, id, j.cfg.Clock(), to, "", Running, Cancelling); err != nil {
		return Job{}, fmt.Errorf("replays: %w", err)
	}
	if r != nil {
		r.stop(errCancelled)
	}
	job, err := j.store.get(ctx, id)
	if err == nil && (job.State == Done || job.State == Failed) {
		err = fmt.Errorf("%w: it is %s and cannot be cancelled", ErrState, job.State)
	}
	return job, err
}

// Resume goes on with a failed or cancelled job where it ended, to the end that it had from
// the beginning. ErrState if the job is done, or running.
func (j *Jobs) Resume(ctx context.Context, id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	job, err := j.store.get(ctx, id)
	if err != nil {
		return Job{}, err
	}
	if j.running[id] != nil || job.State == Done || job.State.unfinished() {
		return job, fmt.Errorf("%w: it is %s and cannot be resumed", ErrState, job.State)
	}
	if err := j.vacant(ctx, job.Stream); err != nil {
		return job, err
	}
	if err := j.store.setState(ctx, id, j.cfg.Clock(), Running, "", Cancelled, Failed); err != nil {
		return job, fmt.Errorf("replays: %w", err)
	}
	j.launch(job)
	return j.store.get(ctx, id)
}

// launch runs the job on a goroutine of its own. j.mu is held.
func (j *Jobs) launch(job Job) {
	soft, stop := context.WithCancelCause(j.hard)
	r := &running{stop: stop, troubles: map[int32]string{}}
	j.running[job.ID] = r
	j.wg.Go(func() {
		defer stop(nil)
		j.run(soft, job, r)
	})
}

// run takes a job to its end, or to where soft ends.
func (j *Jobs) run(soft context.Context, job Job, r *running) {
	err := j.work(soft, job, r)
	if cause := context.Cause(soft); err != nil && cause != nil {
		err = cause
	}
	if j.hard.Err() != nil {
		err = ErrStopped
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, job.ID)
	if errors.Is(err, ErrStopped) {
		return // the job stays as it is in the store, for the next Start
	}
	state, text := Done, ""
	switch {
	case errors.Is(err, errCancelled):
		state = Cancelled
	case err != nil:
		state, text = Failed, err.Error()
		j.log.Error("a replay failed; it can be resumed", "replay", job.ID, "stream", job.Stream, "topic", job.Topic, "error", err)
	}
	if err := j.store.setState(j.hard, job.ID, j.cfg.Clock(), state, text, Running, Cancelling); err != nil {
		j.log.Error("the end of a replay could not be stored; it is found again at the next start", "replay", job.ID, "state", string(state), "error", err)
	}
}

// work reads the parts of a job, some at a time. The first that fails ends the others.
func (j *Jobs) work(soft context.Context, job Job, r *running) error {
	if j.cfg.Topics == nil {
		return errNoKafka
	}
	ctx, stop := context.WithCancelCause(soft)
	defer stop(nil)
	start, before := time.Now(), job.active
	slots := make(chan struct{}, maxReading)
	var wg sync.WaitGroup
	for _, part := range job.Partitions {
		if part.Next >= part.End {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		task := Task{Job: job.ID, Stream: job.Stream, Topic: job.Topic, DryRun: job.DryRun, Part: part,
			Save: func(p Part) error {
				return j.store.save(j.hard, job.ID, p, before+time.Since(start), j.cfg.Clock())
			},
			Trouble: func(err error) { r.trouble(part.Partition, err) },
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := j.cfg.Topics.Read(ctx, j.hard, task); err != nil {
				stop(fmt.Errorf("partition %d: %w", part.Partition, err))
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (r *running) trouble(partition int32, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.troubles, partition)
	} else {
		r.troubles[partition] = err.Error()
	}
}
