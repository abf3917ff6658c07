package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/schemas"
)

// maxSchemaFile is how much of a schema's file is read; what is longer is no schema.
const maxSchemaFile = 4 << 20

// schemaFile is a schema in a file, and where things stand in it.
type schemaFile struct {
	name   string
	data   []byte
	schema *schemas.Schema
	text   *yamlread.Document // nil where places are not known
}

// readSchema reads a schema and compiles it. What does not compile is a fault of the file.
func (e *env) readSchema(path string) (schemaFile, error) {
	f, err := e.readDocument(path)
	if err != nil {
		return f, err
	}
	limits := config.Default()
	f.schema, err = schemas.Compile(f.data, schemas.Options{Name: f.name, Limits: limits.JSONLimits(), Load: besideFile(path)})
	if err != nil {
		return f, badConfig(schemaError(f.name, err))
	}
	return f, nil
}

// readDocument reads a JSON text. What cannot be read is a fault of the command line.
func (e *env) readDocument(path string) (schemaFile, error) {
	f := schemaFile{name: named(path)}
	var in io.Reader = e.stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return f, usage("%v", err)
		}
		defer file.Close()
		in = file
	}
	var err error
	if f.data, err = io.ReadAll(io.LimitReader(in, maxSchemaFile)); err != nil {
		return f, usage("%v", err)
	}
	if bad := jsonread.Check(f.data, jsonread.Limits{}); bad != nil {
		return f, badConfig(fmt.Errorf("%s:%d:%d: not a JSON document: %s", f.name, bad.Line, bad.Column, bad.Message))
	}
	if docs, err := yamlread.Documents(f.name, f.data); err == nil && len(docs) == 1 {
		f.text = &docs[0]
	}
	return f, nil
}

// besideFile loads what a schema refers to, "lazaret:subject:version", from the file
// subject.version.json in the same directory.
func besideFile(path string) func(subject string, version int) ([]byte, error) {
	return func(subject string, version int) ([]byte, error) {
		return os.ReadFile(filepath.Join(filepath.Dir(path), fmt.Sprintf("%s.%d.json", filepath.Base(subject), version)))
	}
}

// place is where a keyword of the schema at a pointer stands, or else that schema; 0 if
// that is not known, as in a document that this one refers to.
func (f schemaFile) place(pointer, keyword string) (line, column int) {
	if f.text == nil {
		return 0, 0
	}
	for _, p := range []string{pointer + "/" + escapeToken(keyword), pointer} {
		if at, ok := f.text.Locate(p); ok {
			return at.Line, at.Column
		}
	}
	return 0, 0
}

func escapeToken(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}
