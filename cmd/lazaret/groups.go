package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/lazaret/lazaret/internal/client"
)

// maxGroups bounds how many groups a command holds.
const maxGroups = 10000

// Names of groups have wholeGroup digits; tables show shortGroup of them.
const (
	wholeGroup = 32
	shortGroup = 12
)

// Names of entries and jobs have wholeID characters; a narrow table shows shortJob of a
// job's at least, which is the millisecond in which it was made.
const (
	wholeID  = 36
	shortJob = 13
)

// allGroups reads every page and sorts by count, the largest first. more says that there
// are beyond maxGroups.
func allGroups(ctx context.Context, c *client.Client, f client.Filter) (all []client.Group, more bool, err error) {
	all = []client.Group{}
	cursor := ""
	for {
		page, next, err := c.Groups(ctx, f, 1000, cursor)
		if err != nil {
			return nil, false, err
		}
		all = append(all, page...)
		if cursor = next; next == "" || len(all) >= maxGroups {
			break
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Count > all[j].Count })
	return all, cursor != "", nil
}

// findGroup is the one group whose name begins so.
func findGroup(ctx context.Context, c *client.Client, prefix string) (string, error) {
	all, more, err := allGroups(ctx, c, client.Filter{})
	if err != nil {
		return "", err
	}
	found := map[string]bool{}
	for _, g := range all {
		if strings.HasPrefix(g.Group, prefix) {
			found[g.Group] = true
		}
	}
	if more || len(found) > 1 {
		return "", usage("--group %s: that is the beginning of more than one group's name; give the whole name, as -o json shows it", prefix)
	}
	for name := range found {
		return name, nil
	}
	return "", fmt.Errorf("there is no group whose name begins with %q", prefix)
}
