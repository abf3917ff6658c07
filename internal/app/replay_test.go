package app_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// partition returns every committed record of one partition.
func (f *flow) partition(topic string, id int32) (list []kafkaio.Record) {
	f.t.Helper()
	part := kafkaio.Partition{Topic: topic, ID: id}
	ends, err := f.cluster.ListOffsets(f.t.Context(), []kafkaio.Partition{part}, kafkaio.LatestCommitted)
	if err != nil {
		f.t.Fatal(err)
	}
	for next := int64(0); next < ends[part]; {
		got, err := f.cluster.Fetch(f.t.Context(), kafkaio.FetchRequest{Partition: part, Offset: next, MaxBytes: 4 << 20, MinBytes: 1, MaxWait: time.Second})
		if err != nil {
			f.t.Fatal(err)
		}
		list, next = append(list, got.Records...), got.Next
	}
	return list
}

// times counts the records of a topic by their bytes.
func (f *flow) times(topic string) map[name]int {
	n := map[name]int{}
	for _, r := range f.read(topic) {
		n[sha256.Sum256(r.Value)]++
	}
	return n
}

// entries counts the quarantine's entries by their bytes.
func entries(t testing.TB, s *server, c *client.Client) map[name]int {
	n := map[name]int{}
	for id, p := range find(t, s, c) {
		n[id] = p.held + p.released
	}
	return n
}

func replayed(t testing.TB, c *client.Client, spec client.ReplaySpec) client.Replay {
	t.Helper()
	job, err := c.Replay(t.Context(), spec)
	if err == nil {
		job, err = c.WaitReplay(t.Context(), job.ID, 10*time.Millisecond, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if job.State != "done" || job.Done != job.Total || job.Trouble != "" {
		t.Fatalf("%+v", job)
	}
	return job
}

// world is what there is of each event.
type world struct{ out, mirror, held map[name]int }

func (f *flow) world(s *server, c *client.Client) world {
	return world{f.times(f.out), f.times(f.mirror), entries(f.t, s, c)}
}

// grown fails the test unless the events of again, and no others, are once more at the sink,
// or in the mirror, and the quarantine is what it was.
func (f *flow) grown(was, is world, again map[name]bool) {
	f.t.Helper()
	wrong := 0
	for id := range f.order {
		out, mirror := was.out[id], was.mirror[id]
		if again[id] && f.good[id] {
			out++
		} else if again[id] {
			mirror++
		}
		if is.out[id] != out || is.mirror[id] != mirror || is.held[id] != was.held[id] {
			wrong++
		}
	}
	if wrong > 0 {
		f.t.Errorf("%d of %d events are not where they should be after a replay of %d", wrong, len(f.order), len(again))
	}
}

func ptr(n int64) *int64 { return &n }

// A replay runs the events of a time, or at offsets, through the stream again, those and no
// others; and a dry run says what it would do and does nothing.
func TestReplay(t *testing.T) {
	modes(t, func(t *testing.T, delivery string, _ bool) {
		f := newFlow(t, kafkatest.Start(t), delivery, 0.15)
		f.produce(t.Context(), 3000)
		time.Sleep(20 * time.Millisecond) // records have a time in milliseconds
		middle := time.Now()
		time.Sleep(20 * time.Millisecond)
		f.produce(t.Context(), 1000)
		time.Sleep(20 * time.Millisecond)
		late := time.Now()
		time.Sleep(20 * time.Millisecond)
		f.produce(t.Context(), 500)
		s, c := f.server()
		f.drained(time.Minute)
		was := f.world(s, c)

		again := map[name]bool{}
		for id, at := range f.order {
			if at >= 3000 && at < 4000 {
				again[id] = true
			}
		}
		spec := client.ReplaySpec{Stream: "clickstream", Topic: f.in, Since: middle, Until: late}
		spec.DryRun = true
		dry := replayed(t, c, spec)
		f.grown(was, f.world(s, c), nil)
		spec.DryRun = false
		job := replayed(t, c, spec)
		now := f.world(s, c)
		f.grown(was, now, again)
		if job.Events != 1000 || job.Total != 1000 || len(job.Partitions) != 4 || job.Accepted+job.Quarantined != 1000 || job.Quarantined == 0 || job.ByCode["schema.required"] == 0 || job.Rate == 0 {
			t.Errorf("%+v", job)
		}
		if dry.Events != job.Events || dry.Accepted != job.Accepted || dry.Quarantined != job.Quarantined || fmt.Sprint(dry.ByCode) != fmt.Sprint(job.ByCode) {
			t.Errorf("the dry run said %+v, and the replay did %+v", dry, job)
		}

		first, second := f.partition(f.in, 0), f.partition(f.in, 2)
		clear(again)
		for _, r := range append(first[100:201:201], second[50:]...) {
			again[sha256.Sum256(r.Value)] = true
		}
		job = replayed(t, c, client.ReplaySpec{Stream: "clickstream", Topic: f.in, Offsets: []client.ReplayOffsets{
			{Partition: 0, From: ptr(100), To: ptr(200)}, {Partition: 2, From: ptr(50)}}})
		f.grown(now, f.world(s, c), again)
		if job.Events != int64(len(again)) || len(job.Partitions) != 2 || job.Partitions[0].From != 100 || job.Partitions[0].End != 201 {
			t.Errorf("%+v", job)
		}

		// What a rule would make of the past is known before it does.
		f.apply(c, "wrong")
		spec = client.ReplaySpec{Stream: "clickstream", Topic: f.in, Since: time.UnixMilli(1), DryRun: true}
		if job = replayed(t, c, spec); job.Events != 4500 || job.Quarantined <= int64(len(f.bad)) || job.ByCode["rule.failed"] == 0 {
			t.Errorf("under other rules: %+v", job)
		}
		path, err := binary()
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(path, "replay", "--server", "http://"+s.addr, "--stream", "clickstream", "--from-topic", f.in, "--offsets", "0:100-200,2:50-", "--dry-run").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "would be accepted") || !strings.Contains(string(out), "replaying: 100%") {
			t.Errorf("%v:\n%s", err, out)
		}
		t.Logf("\n%s", out)
	})
}

// Whenever the gateway is killed, a replay goes on and loses nothing; exactly once, each
// event is there once more, and once only. It counts each event once in any case.
func TestKafkaKillReplay(t *testing.T) {
	modes(t, func(t *testing.T, delivery string, exactly bool) {
		f := newFlow(t, kafkatest.Start(t), delivery, 0.05)
		for range 60 {
			f.produce(t.Context(), 1000)
		}
		s, c := f.server()
		f.drained(time.Minute)
		was := f.world(s, c)
		job, err := c.Replay(t.Context(), client.ReplaySpec{Stream: "clickstream", Topic: f.in, Since: time.UnixMilli(1)})
		if err != nil {
			t.Fatal(err)
		}
		midway := 0
		for last := int64(0); midway < 8; midway++ {
			// It has gone on since the last kill, for else it would never end.
			for job.Done == last && !job.Ended() {
				if job, err = c.GetReplay(t.Context(), job.ID); err != nil {
					t.Fatal(err)
				}
			}
			last = job.Done
			time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond) // the random point
			s.kill()
			s.start()
			if job, err = c.GetReplay(t.Context(), job.ID); err != nil {
				t.Fatal(err)
			}
			if job.Ended() {
				break
			}
		}
		job, err = c.WaitReplay(t.Context(), job.ID, 20*time.Millisecond, nil)
		if err != nil {
			t.Fatal(err)
		}
		if job.State != "done" || job.Events != 60_000 || job.Accepted != int64(len(f.good)) || job.Quarantined != int64(len(f.bad)) {
			t.Errorf("%+v", job)
		}
		is := f.world(s, c)
		lost, more, entries := 0, 0, 0
		for id := range f.order {
			now, before := is.out[id]+is.mirror[id], was.out[id]+was.mirror[id]
			switch {
			case now <= before:
				lost++
			case now > before+1:
				more++
			}
			if is.held[id] != was.held[id] {
				entries++
			}
		}
		t.Logf("%d kills midway; %d lost, %d more than once", midway, lost, more)
		if lost > 0 || exactly && more > 0 || entries > 0 {
			t.Errorf("%d events are lost, %d are there more than once, %d have other entries", lost, more, entries)
		}
		if midway < 2 {
			t.Errorf("only %d kills hit the replay: the test tests little", midway)
		}
	})
}

// A replay can be cancelled and gone on with; meanwhile there is no other of the stream.
func TestReplayCancel(t *testing.T) {
	f := newFlow(t, kafkatest.Start(t), "exactly_once", 0.1)
	for range 60 {
		f.produce(t.Context(), 1000)
	}
	s, c := f.server()
	f.drained(time.Minute)
	was := f.world(s, c)
	spec := client.ReplaySpec{Stream: "clickstream", Topic: f.in, Since: time.UnixMilli(1)}
	job, err := c.Replay(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Replay(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "one replay of a stream at a time") {
		t.Errorf("a second replay of the stream: %v", err)
	}
	if _, err := c.ReplayAction(t.Context(), job.ID, "cancel"); err != nil {
		t.Fatal(err)
	}
	job, err = c.WaitReplay(t.Context(), job.ID, 5*time.Millisecond, nil)
	if err != nil || job.State != "cancelled" || job.Done == job.Total {
		t.Fatalf("%+v %v", job, err)
	}
	again := map[name]bool{}
	for id := range f.order {
		again[id] = true
	}
	if _, err := c.ReplayAction(t.Context(), job.ID, "resume"); err != nil {
		t.Fatal(err)
	}
	job, err = c.WaitReplay(t.Context(), job.ID, 5*time.Millisecond, nil)
	if err != nil || job.State != "done" || job.Events != 60_000 {
		t.Fatalf("%+v %v", job, err)
	}
	f.grown(was, f.world(s, c), again)
	for _, action := range []string{"cancel", "resume"} {
		if _, err := c.ReplayAction(t.Context(), job.ID, action); err == nil || !strings.Contains(err.Error(), "it is done") {
			t.Errorf("%s of what is done: %v", action, err)
		}
	}
	list, next, err := c.Replays(t.Context(), 10, "")
	if err != nil || len(list) != 1 || list[0].ID != job.ID || next != "" {
		t.Errorf("%+v %q %v", list, next, err)
	}
}

// What cannot be replayed is refused with a sentence that says why.
func TestReplayRefused(t *testing.T) {
	f := newFlow(t, kafkatest.Start(t), "at_least_once", 0)
	f.produce(t.Context(), 100)
	_, c := f.server()
	f.drained(time.Minute)
	ends := int64(len(f.partition(f.in, 1)))
	offsets := func(o client.ReplayOffsets) client.ReplaySpec {
		return client.ReplaySpec{Offsets: []client.ReplayOffsets{o}}
	}
	for _, test := range []struct {
		spec client.ReplaySpec
		want string
	}{
		{client.ReplaySpec{Stream: "other", Since: time.UnixMilli(1)}, `There is no stream "other"`},
		{client.ReplaySpec{Topic: "nowhere", Since: time.UnixMilli(1)}, "there is no topic nowhere in the cluster"},
		{client.ReplaySpec{Topic: f.out, Since: time.UnixMilli(1)}, "is where stream clickstream writes its good events"},
		{client.ReplaySpec{Topic: f.mirror, Since: time.UnixMilli(1)}, "use lazaret reprocess"},
		{client.ReplaySpec{Topic: "__consumer_offsets", Since: time.UnixMilli(1)}, "Kafka's own"},
		{client.ReplaySpec{}, "say where to begin"},
		{client.ReplaySpec{Since: time.Now().Add(time.Hour)}, "is in the future"},
		{client.ReplaySpec{Since: time.Now()}, "it has no records since then"},
		{client.ReplaySpec{Since: time.UnixMilli(1), Until: time.UnixMilli(2)}, "has no records between"},
		{client.ReplaySpec{Since: time.UnixMilli(2), Until: time.UnixMilli(1)}, "is not after"},
		{offsets(client.ReplayOffsets{Partition: 4}), "has no partition 4: its partitions are 0 to 3"},
		{offsets(client.ReplayOffsets{Partition: 1, From: ptr(0), To: ptr(ends)}), fmt.Sprintf("has the offsets 0 to %d now", ends-1)},
		{offsets(client.ReplayOffsets{Partition: 1, From: ptr(5), To: ptr(4)}), "4 is before 5"},
	} {
		if test.spec.Stream == "" {
			test.spec.Stream = "clickstream"
		}
		if test.spec.Topic == "" {
			test.spec.Topic = f.in
		}
		if _, err := c.Replay(t.Context(), test.spec); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v\nwant: %s", test.spec, err, test.want)
		}
	}
}
