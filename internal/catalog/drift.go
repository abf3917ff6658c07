package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/schemas"
)

// ProposalNote is how the note begins of a version that a proposal made, or took back.
const ProposalNote = "proposal "

// ProposalTakenBack follows the proposal's id in the note of a version that took one back.
const ProposalTakenBack = ", rolled back by "

// grown says whether a proposal made a version, by its note.
func grown(v schemas.Version) bool {
	id, is := strings.CutPrefix(v.Note, ProposalNote)
	i := strings.IndexByte(id, ',')
	return is && (i < 0 || !strings.HasPrefix(id[i:], ProposalTakenBack))
}

// drift says of a new version, for people who keep their schemas in files, that the latest
// one came from a proposal: the file may be of before it. It is "" if that is not so.
func (one pending) drift(next schemas.Version, refused bool) string {
	latest := one.earlier[len(one.earlier)-1]
	if !grown(latest) || strings.HasPrefix(next.Note, ProposalNote) {
		return ""
	}
	what := fmt.Sprintf("version %d, the latest, came from a proposal (%s)", latest.Number, latest.Note)
	fetch := fmt.Sprintf("fetch it with `lazaret schema show %s -o schema`", latest.Subject)
	switch {
	case refused:
		return fmt.Sprintf("%s; if this document is older, %s and change that", what, fetch)
	case slices.ContainsFunc(one.earlier, func(v schemas.Version) bool { return v.Hash == next.Hash }):
		return fmt.Sprintf("this takes it back: %s; to keep it, %s", what, fetch)
	}
	return ""
}
