// Package examples carries the examples that the lazaret binary needs to show
// itself, so that `lazaret demo` works without a copy of the source.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed clickstream
var files embed.FS

// Clickstream returns the files of examples/clickstream: the manifests of the
// clickstream at the top, and those with the mended rule in the folder "mended".
func Clickstream() fs.FS {
	sub, err := fs.Sub(files, "clickstream")
	if err != nil {
		panic("examples: " + err.Error()) // only an invalid path fails, and this one is constant
	}
	return sub
}
