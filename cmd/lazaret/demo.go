package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/examples"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/internal/workload"
)

const demoStream = "clickstream"

func (e *env) demoCmd() *cobra.Command {
	d := &demo{env: e}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a hundred thousand events be checked, quarantined and released",
		Long: `Demo starts a gateway of its own in a temporary directory, sends it a web shop's clickstream
of which a known share is bad, finds that one rule is wrong, mends it, reprocesses, and
accounts for every single event against what the generator knows. It exits with 1 if one
is missing, twice there, in the wrong place or not the same to the byte.

With --kafka or --kafka-broker the events go from a Kafka topic to another one, exactly once,
and what is quarantined is mirrored to a third. On brokers of --kafka the topics have names of
their own, which are told at the end, and stay.

It needs no server and no network but loopback, and leaves nothing else behind, unless --keep
says so or something went wrong.`,
		Example: "  lazaret demo\n  lazaret demo --events 10000 --keep\n  lazaret demo --kafka 127.0.0.1:9092",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.IntVar(&d.cfg.Events, "events", 100_000, "how many events")
	f.IntVar(&d.cfg.Size, "size", 768, "bytes an event, about")
	f.Float64Var(&d.cfg.Invalid, "invalid", 0.15, "the share that is bad, 0 to 1")
	f.Uint64Var(&d.cfg.Seed, "seed", 1, "another seed gives other events")
	f.BoolVar(&d.keep, "keep", false, "leave the gateway running at the end, and the broker of --kafka-broker")
	f.StringVar(&d.kafka.brokers, "kafka", "", "from Kafka to Kafka, on the cluster of these brokers: host:port, with commas between them")
	f.StringVar(&d.kafka.program, "kafka-broker", "", "the same, on a broker that this program is: make demo KAFKA=1 builds one")
	return cmd
}

// demo is one run of the story.
type demo struct {
	*env
	cfg  workload.Config
	keep bool

	kafka  flow
	dir    string
	server *child
	client *client.Client
	ledger *ledger
	style  style
	step   int

	interrupted bool
}

func (d *demo) run(ctx context.Context) (err error) {
	if d.cfg.Events < 1 {
		return usage("--events is at least 1")
	}
	if err := d.kafka.check(d.cfg.Size); err != nil {
		return err
	}
	d.style = d.env.style(d.stdout)
	if d.ledger, err = newLedger(d.cfg); err != nil {
		return usage("%v", err)
	}
	if d.dir, err = os.MkdirTemp("", "lazaret-demo-"); err != nil {
		return err
	}
	defer func() {
		if cerr := d.leave(err == nil); err == nil {
			err = cerr
		}
	}()
	send := d.send
	if d.kafka.on() {
		send = d.produce
	}
	for _, act := range []func(context.Context) error{d.start, send, d.investigate, d.mend, d.release, d.account} {
		if err := act(ctx); err != nil {
			d.interrupted = ctx.Err() != nil
			return err
		}
	}
	return nil
}

// title begins a step of the story.
func (d *demo) title(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.stdout, "\n%s %s\n", d.style.accent(fmt.Sprintf("%d.", d.step)), d.style.bold(fmt.Sprintf(format, args...)))
}

// demoWidth is how many columns the story has, also where it is read in a file.
const demoWidth = 100

const demoIndent = "   "

// width is how many columns there are for the story.
func (d *demo) width() int {
	if width := terminalWidth(d.stdout); width > 0 {
		return min(width, demoWidth)
	}
	return demoWidth
}

func (d *demo) table(t *table) { t.write(d.stdout, d.style, demoIndent, d.width()) }

func (d *demo) say(format string, args ...any) {
	for _, line := range wrapped(fmt.Sprintf(format, args...), d.width()-len(demoIndent)) {
		fmt.Fprintln(d.stdout, demoIndent+line)
	}
}

// start runs a gateway and gives it the clickstream's schema, rules and stream.
func (d *demo) start(ctx context.Context) (err error) {
	fmt.Fprintf(d.stdout, "%s  a quarantine station for event pipelines\n", d.style.bold("Lazaret"))
	if d.kafka.on() {
		d.title("Start a gateway and apply the clickstream stream, from Kafka to Kafka")
		if err := d.startKafka(ctx); err != nil {
			return err
		}
	} else {
		d.title("Start a gateway and apply the clickstream stream")
	}
	began := time.Now()
	if d.server, err = startChild(ctx, d.dir, d.kafka.addrs); err != nil {
		return err
	}
	if d.client, err = client.New(client.Config{Server: d.server.url, Agent: "lazaret-demo/" + version}); err != nil {
		return err
	}
	d.say("up in %d ms on %s, with an embedded store", time.Since(began).Milliseconds(), d.server.url)
	if err := os.CopyFS(filepath.Join(d.dir, "manifests"), examples.Clickstream()); err != nil {
		return err
	}
	resources, err := catalog.LoadDir(filepath.Join(d.dir, "manifests"))
	if err != nil {
		return err
	}
	if d.kafka.on() {
		if resources, err = d.connect(ctx, resources); err != nil {
			return err
		}
	}
	applied, err := d.client.Apply(ctx, resources, false)
	if err != nil {
		return err
	}
	var parts []string
	for _, r := range applied.Results {
		parts = append(parts, fmt.Sprintf("%s %s", r.Kind, r.Name))
	}
	d.say("applied %s", strings.Join(parts, ", "))
	if d.kafka.on() {
		return d.joined(ctx)
	}
	return nil
}

// send posts the generated events and shows the verdicts.
func (d *demo) send(ctx context.Context) error {
	d.title("Send %s events of about %s, %d%% of them bad", words.Count(d.cfg.Events), size(int64(d.cfg.Size)), int(d.cfg.Invalid*100+0.5))
	p := d.env.progress("  sending", words.Count[int64])
	total := int64(d.cfg.Events)
	events := d.ledger.reader()
	defer events.Close()
	result, err := send(ctx, d.client, demoStream, events, sendOptions{batch: 500, bytes: 4 << 20, workers: 4}, func(s sent) {
		p.update(s.Received, total, words.Count(s.Quarantined)+" quarantined")
	})
	p.clear()
	if err != nil {
		return err
	}
	d.say("%s events, %s in %.1f s: %s events/s, %s/s", words.Count(result.Received), size(result.Bytes), result.Seconds,
		words.Count(int64(float64(result.Received)/result.Seconds)), size(int64(float64(result.Bytes)/result.Seconds)))
	d.verdicts(result)
	return nil
}

// verdicts shows what became of the events, and why.
func (d *demo) verdicts(result sent) {
	fmt.Fprintln(d.stdout)
	t := newTable(col("verdict"), num("events"), num("share"))
	share := func(n int64) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(max(result.Received, 1))) }
	t.add("accepted", words.Count(result.Accepted), share(result.Accepted))
	t.add("quarantined", words.Count(result.Quarantined), share(result.Quarantined))
	for _, name := range byCount(result.Reasons) {
		t.add("  "+name, words.Count(result.Reasons[name]), share(int64(result.Reasons[name])))
	}
	d.table(t)
}

// investigate looks at the groups, as a person on call would.
func (d *demo) investigate(ctx context.Context) error {
	d.title("Look at the quarantine: what fails alike?")
	groups, more, err := allGroups(ctx, d.client, client.Filter{Stream: demoStream, Status: "quarantined"})
	if err != nil {
		return err
	}
	if more {
		return fmt.Errorf("there are more than %d groups", maxGroups)
	}
	t := newTable(num("entries"), flex("reason", 26), flex("where", 12), flex("message", 20))
	const shown = 6
	for _, g := range groups[:min(shown, len(groups))] {
		t.add(words.Count(g.Count), groupReason(g), groupPaths(g), g.Message)
	}
	d.table(t)
	if n := len(groups) - shown; n > 0 {
		d.say("… and %s more groups", words.Count(n))
	}
	ev, err := d.evidence(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.stdout)
	d.say("%s refused %s events. In %s of them nothing else is wrong.", d.style.bad(workload.WrongRule), words.Count(ev.refused), words.Count(ev.alone))
	if ev.users > 0 {
		d.say("Half of those cost less than %s and nine tenths less than %s, and they come from %s users: that is what customers spend. The rule is wrong.",
			money(ev.median), money(ev.ninth), words.Count(ev.users))
	}
	return nil
}

// mend changes the rule through the admin API: first as a dry run, then in earnest.
func (d *demo) mend(ctx context.Context) error {
	d.title("Mend the rule through the admin API")
	changed, err := d.diffRules(ctx)
	if err != nil {
		return err
	}
	for _, dry := range []bool{true, false} {
		out, err := d.client.Put(ctx, "rules", demoStream, changed.body, changed.etag, dry)
		if err != nil {
			return err
		}
		if dry {
			d.say("dry run: rule set %s would be %s, version %d", out.Name, out.Action, out.Version)
		} else {
			d.say("rule set %s %s: version %d is active", out.Name, out.Action, out.Version)
		}
	}
	return nil
}

// release reprocesses the quarantine: first as a dry run, then in earnest.
func (d *demo) release(ctx context.Context) error {
	d.title("Reprocess the quarantine")
	f := client.Filter{Stream: demoStream}
	for _, dry := range []bool{true, false} {
		job, err := d.client.Reprocess(ctx, f, dry, 0)
		if err != nil {
			return err
		}
		p := d.env.progress("  judging again", words.Count[int64])
		job, err = d.client.WaitJob(ctx, job.ID, 50*time.Millisecond, func(j client.Job) { p.update(j.Examined, j.Matched, words.Count(j.Passed)+" pass") })
		p.clear()
		if err != nil {
			return err
		}
		if job.State != "done" {
			return fmt.Errorf("reprocess job %s is %s: %s", job.ID, job.State, job.Error)
		}
		if dry {
			d.say("dry run: of %s entries %s would pass and %s would still fail", words.Count(job.Matched), words.Count(job.Passed), words.Count(job.Failed))
			continue
		}
		d.ledger.job = job
		seconds := job.Finished.Sub(job.Started).Seconds()
		d.say("released %s entries in %.1f s (%s judged a second); %s still fail:", d.style.good(words.Count(job.Released)), seconds,
			words.Count(int64(float64(job.Examined)/seconds)), words.Count(job.Failed))
		fmt.Fprintln(d.stdout)
		d.table(codeTable("still fails with", "entries", job.ByCode))
	}
	return nil
}

// account holds the sink, the quarantine and the metrics against the generator's truth.
func (d *demo) account(ctx context.Context) error {
	d.title("Account for every event")
	err := error(nil)
	if d.kafka.on() {
		err = d.ledger.collectTopics(ctx, d.client, &d.kafka)
	} else {
		err = d.ledger.collect(ctx, d.client, filepath.Join(d.dir, "sink", demoStream))
	}
	if err != nil {
		return err
	}
	t := newTable(col(""), num("generated"), num("found"), column{paint: d.mark})
	failed := 0
	lines := d.ledger.balance()
	for _, line := range lines {
		mark := "✓"
		if !line.ok() {
			mark = "✗"
			failed++
		}
		t.add(line.what, words.Count(line.want), words.Count(line.got), mark)
	}
	d.table(t)
	fmt.Fprintln(d.stdout)
	if failed > 0 {
		for _, p := range d.ledger.problems {
			d.say("%s", d.style.bad(p))
		}
		return fmt.Errorf("%d of %d accounts do not balance", failed, len(lines))
	}
	d.say("%s", d.style.good("Nothing was lost, nothing was released twice, every byte is what it was."))
	return nil
}

func (d *demo) mark(text string) string {
	if text == "✗" {
		return d.style.bad(text)
	}
	return d.style.good(text)
}

// leave stops what was started and removes the directory, or says where it is.
func (d *demo) leave(well bool) (err error) {
	if d.client != nil {
		d.client.Close()
	}
	if d.keep && well {
		return d.stay()
	}
	started := d.server != nil
	if started {
		err = d.server.stop()
	}
	err = errors.Join(err, d.leaveKafka())
	if started && !well && !d.interrupted {
		d.status("the gateway's data and log are kept in %s", d.dir)
		return err
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}

// stay leaves all of it running, and says how to look at it.
func (d *demo) stay() error {
	fmt.Fprintf(d.stdout, "\n%s\n", d.style.bold("Left running"))
	t := pairs()
	t.add("streams", d.server.url+"/admin/v1/streams")
	t.add("groups", d.server.url+"/admin/v1/groups")
	t.add("metrics", d.server.url+"/metrics")
	t.add("data", d.dir)
	t.add("try", "export LAZARET_SERVER="+d.server.url)
	t.add("", d.self()+" quarantine groups")
	t.add("", d.self()+" quarantine list --code schema.required --limit 5")
	if d.kafka.on() {
		d.kafka.kept(t)
	}
	running := []*child{d.server}
	if d.kafka.broker != nil {
		running = append(running, d.kafka.broker)
	}
	stop, err := "kill", error(nil)
	for _, c := range running {
		stop += fmt.Sprintf(" %d", c.pid())
	}
	t.add("stop", fmt.Sprintf("%s; rm -r %s", stop, d.dir))
	t.write(d.stdout, d.style, "   ", 0) // to be copied whole
	if d.kafka.cluster != nil {
		d.kafka.cluster.Close()
	}
	for _, c := range running {
		err = errors.Join(err, c.detach())
	}
	return err
}

// self is how the person called this program.
func (d *demo) self() string {
	if strings.Contains(os.Args[0], "/") {
		return os.Args[0]
	}
	return "lazaret"
}
