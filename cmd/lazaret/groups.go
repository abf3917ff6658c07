package main

import (
	"context"
	"sort"

	"github.com/lazaret/lazaret/internal/client"
)

// maxGroups bounds how many groups a command holds.
const maxGroups = 10000

// allGroups reads every page and sorts by count, the largest first.
func allGroups(ctx context.Context, c *client.Client, f client.Filter) ([]client.Group, error) {
	all := []client.Group{}
	cursor := ""
	for len(all) < maxGroups {
		page, next, err := c.Groups(ctx, f, 1000, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if cursor = next; next == "" {
			break
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Count > all[j].Count })
	return all, nil
}
