//go:build !linux

package db

// networkFileSystem cannot tell on this system.
func networkFileSystem(string) string { return "" }
