package catalog

import (
	"strings"
	"testing"
)

// A file that is older than what a proposal made is refused with a word of that, and where
// nothing refuses it, taking the proposal's version back is not silent.
func TestFilesOlderThanAProposal(t *testing.T) {
	const file, grown = `{additionalProperties: false, properties: {a: {}}}`, `{additionalProperties: false, properties: {a: {}, b: {}}}`
	for _, level := range []string{"BACKWARD", "NONE", "FORWARD"} {
		f := newFixture(t)
		f.apply(schemaManifest(file, "compatibility: BACKWARD"))
		list, err := ParseManifests("m.yaml", []byte(schemaManifest(grown, "compatibility: "+level)), nil)
		must(t, err)
		_, err = f.Apply(t.Context(), []Change{{Resource: list[0], Force: true, Note: ProposalNote + "7, accepted by ana"}}, Options{})
		must(t, err)
		const fetch, who = "fetch it with `lazaret schema show order -o schema`", "(proposal 7, accepted by ana)"
		results, err := f.change(Options{}, schemaManifest(file))
		var said []string
		if level == "BACKWARD" {
			for _, fault := range faultsOf(t, err) {
				said = append(said, fault.Message)
			}
		} else {
			must(t, err)
			said = results[0].Notices
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, "version 2, the latest, came from a proposal "+who) || !strings.Contains(text, fetch) {
			t.Errorf("%s: %s", level, text)
		}
		results, err = f.change(Options{DryRun: true}, schemaManifest(`{additionalProperties: false, properties: {a: {}, b: {}, c: {}}}`, "compatibility: BACKWARD"))
		must(t, err)
		if text := strings.Join(results[0].Notices, "\n"); strings.Contains(text, "proposal") {
			t.Errorf("%s: what grows it is said to be older: %s", level, text)
		}
	}
}

// A version that took a proposal back is none that a proposal made.
func TestFilesAfterAProposalWasTakenBack(t *testing.T) {
	const file, grown = `{additionalProperties: false, properties: {a: {}}}`, `{additionalProperties: false, properties: {a: {}, b: {}}}`
	f := newFixture(t)
	for i, note := range []string{"", ProposalNote + "7, accepted by ana", ProposalNote + "7" + ProposalTakenBack + "ben, the second"} {
		list, err := ParseManifests("m.yaml", []byte(schemaManifest([]string{file, grown, file}[i], "compatibility: NONE")), nil)
		must(t, err)
		_, err = f.Apply(t.Context(), []Change{{Resource: list[0], Force: true, Note: note}}, Options{})
		must(t, err)
	}
	results, err := f.change(Options{DryRun: true}, schemaManifest(grown))
	must(t, err)
	if text := strings.Join(results[0].Notices, "\n"); strings.Contains(text, "proposal") {
		t.Error(text)
	}
}
