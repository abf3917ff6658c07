package app_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
)

// Over HTTP too, an event gets the same verdict, for the same reasons and under the same
// id, with the checker and without it.
func TestSameVerdictsWithoutTheChecker(t *testing.T) {
	const requests, each = 8, 500
	gen, err := workload.New(workload.Config{Events: requests * each, Invalid: 0.15, Seed: 31})
	if err != nil {
		t.Fatal(err)
	}
	var servers [2]*client.Client
	for i := range servers {
		cfg := testConfig(t)
		cfg.Reference = i == 1
		_, servers[i] = startApp(t, cfg)
		applyClickstream(t, servers[i])
	}
	codes := map[string]int{}
	for range requests {
		var lines [][]byte
		for range each {
			e, _ := gen.Next()
			lines = append(lines, bytes.Clone(e.Data))
		}
		var answers [2]client.Answer
		for i, c := range servers {
			a, err := c.Ingest(t.Context(), client.Post{Stream: "clickstream", Body: bytes.Join(lines, []byte("\n")), Type: client.NDJSON, All: true})
			if err != nil || len(a.Results) != each {
				t.Fatalf("%d results, %v", len(a.Results), err)
			}
			for j := range a.Results {
				r := &a.Results[j]
				r.QuarantineID = ""
				if !bytes.Contains(lines[r.Index], []byte(r.ID)) { // not its own, but one that it was given
					r.ID = ""
				}
				for _, reason := range r.Reasons {
					codes[string(reason.Code)]++
				}
			}
			answers[i] = a
		}
		for j := range each {
			if with, without := answers[0].Results[j], answers[1].Results[j]; !reflect.DeepEqual(with, without) {
				t.Fatalf("with the checker\n%+v\nwithout it\n%+v", with, without)
			}
		}
	}
	if codes["json.syntax"] == 0 || codes["rule.failed"] == 0 || len(codes) < 5 {
		t.Errorf("there was too little to differ in: %v", codes)
	}
}
