package evolution

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

const (
	around  = 3    // lines of context
	maxGrid = 4000 // lines that are compared each with each
)

// line is one of a diff: ' ', '-' or '+' and its text.
type line struct {
	sign byte
	text string
}

// diff is what a document changes of another, in the unified form. Documents that are
// written on one line are compared as they are indented.
func diff(before, after string) string {
	if !strings.Contains(strings.TrimSpace(before), "\n") {
		before, after = indent(before), indent(after)
	}
	a, b := strings.Split(strings.TrimSuffix(before, "\n"), "\n"), strings.Split(strings.TrimSuffix(after, "\n"), "\n")
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var list []line
	for _, s := range a[:head] {
		list = append(list, line{' ', s})
	}
	list = append(list, middle(a[head:len(a)-tail], b[head:len(b)-tail])...)
	for _, s := range a[len(a)-tail:] {
		list = append(list, line{' ', s})
	}
	return hunks(list)
}

func indent(document string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(document), "", "  ") != nil {
		return document
	}
	return b.String()
}

// middle compares lines by their longest common subsequence.
func middle(a, b []string) (list []line) {
	if len(a) > maxGrid || len(b) > maxGrid || len(a)*len(b) > maxGrid*maxGrid/4 {
		for _, s := range a {
			list = append(list, line{'-', s})
		}
		for _, s := range b {
			list = append(list, line{'+', s})
		}
		return list
	}
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			list = append(list, line{' ', a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			list = append(list, line{'-', a[i]})
			i++
		default:
			list = append(list, line{'+', b[j]})
			j++
		}
	}
	return list
}

// hunks writes the changed lines with some around them.
func hunks(list []line) string {
	near := make([]bool, len(list))
	for i, l := range list {
		if l.sign != ' ' {
			for j := max(0, i-around); j <= min(len(list)-1, i+around); j++ {
				near[j] = true
			}
		}
	}
	var b strings.Builder
	old, new := 1, 1
	for i := 0; i < len(list); {
		if !near[i] {
			old, new, i = old+1, new+1, i+1
			continue
		}
		var lines strings.Builder
		fromOld, fromNew := old, new
		for ; i < len(list) && near[i]; i++ {
			if list[i].sign != '+' {
				old++
			}
			if list[i].sign != '-' {
				new++
			}
			fmt.Fprintf(&lines, "%c%s\n", list[i].sign, list[i].text)
		}
		fmt.Fprintf(&b, "@@ -%d,%d +%d,%d @@\n%s", fromOld, old-fromOld, fromNew, new-fromNew, lines.String())
	}
	return b.String()
}
