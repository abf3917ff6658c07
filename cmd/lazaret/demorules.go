package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/internal/workload"
	"github.com/lazaret/lazaret/rules"
)

// evidence is what the entries say that the suspected rule refused.
type evidence struct {
	refused       int64 // by the rule, whatever else is wrong
	alone         int64 // and nothing else is wrong
	users         int   // of these
	median, ninth float64
}

// exported is a line of the export, as far as the evidence needs it.
type exported struct {
	Payload string            `json:"payload"`
	Key     string            `json:"event_key"`
	Reasons []json.RawMessage `json:"reasons"`
}

// evidence reads the entries that the suspected rule refused, with their payloads.
func (d *demo) evidence(ctx context.Context) (evidence, error) {
	var ev evidence
	in, err := d.client.Export(ctx, client.Filter{Stream: demoStream, Rule: workload.WrongRule, Status: "quarantined"})
	if err != nil {
		return ev, err
	}
	defer in.Close()
	var amounts []float64
	users := map[string]bool{}
	lines := json.NewDecoder(bufio.NewReaderSize(in, 1<<20))
	for {
		var x exported
		if err := lines.Decode(&x); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return ev, fmt.Errorf("reading the export: %w", err)
		}
		ev.refused++
		if len(x.Reasons) > 1 {
			continue
		}
		ev.alone++
		var event struct{ Amount float64 }
		if err := json.Unmarshal([]byte(x.Payload), &event); err != nil {
			return ev, fmt.Errorf("a payload of the export: %w", err)
		}
		users[x.Key] = true
		amounts = append(amounts, event.Amount)
	}
	if n := len(amounts); n > 0 {
		sort.Float64s(amounts)
		ev.users, ev.median, ev.ninth = len(users), amounts[n/2], amounts[n*9/10]
	}
	return ev, nil
}

// money writes an amount to two places.
func money(amount float64) string {
	whole, cents, _ := strings.Cut(fmt.Sprintf("%.2f", amount), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return whole + "." + cents
	}
	return words.Count(n) + "." + cents
}

// change is a rule set to be put in place of the one that was read under etag.
type change struct {
	body []byte
	etag string
}

// diffRules reads the active rule set, shows what the mended one changes, and returns it.
func (d *demo) diffRules(ctx context.Context) (change, error) {
	raw, header, err := d.client.Get(ctx, "rules", demoStream, nil)
	if err != nil {
		return change{}, err
	}
	var active struct {
		Rules []rules.Rule `json:"rules"`
	}
	if err := json.Unmarshal(raw, &active); err != nil {
		return change{}, err
	}
	mended, err := catalog.LoadFile(filepath.Join(d.dir, "manifests", "mended", "rules.yaml"))
	if err != nil {
		return change{}, err
	}
	was := map[string]rules.Rule{}
	for _, r := range active.Rules {
		was[r.ID] = r
	}
	for _, r := range mended[0].Rules {
		if old := was[r.ID]; old.Expr != r.Expr {
			d.say("  rule %s", d.style.bold(r.ID))
			d.say("  %s", d.style.bad("- "+old.Expr))
			d.say("  %s", d.style.good("+ "+r.Expr))
		}
	}
	body, err := json.Marshal(map[string]any{"rules": mended[0].Rules})
	return change{body: body, etag: header.Get("ETag")}, err
}
