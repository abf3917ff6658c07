// Package examples carries the examples that the lazaret binary needs to show
// itself, so that `lazaret demo` works without a copy of the source.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed clickstream clickstream-kafka
var files embed.FS

// Clickstream returns the files of examples/clickstream: the manifests of the
// clickstream at the top, and those with the mended rule in the folder "mended".
func Clickstream() fs.FS { return folder("clickstream") }

// ClickstreamKafka returns the files of examples/clickstream-kafka: the manifest of the
// same stream from Kafka to Kafka, to be applied after those of Clickstream.
func ClickstreamKafka() fs.FS { return folder("clickstream-kafka") }

func folder(name string) fs.FS {
	sub, err := fs.Sub(files, name)
	if err != nil {
		panic("examples: " + err.Error()) // only an invalid path fails, and these are constant
	}
	return sub
}
