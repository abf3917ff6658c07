//go:build !unix

package sink

// limitChild is for systems that have file-size limits.
func limitChild() int { return 1 }
