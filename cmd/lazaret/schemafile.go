package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/schemas"
)

// schemaFile is a schema in a file, and where things stand in it.
type schemaFile struct {
	name   string
	data   []byte
	schema *schemas.Schema
	refs   []schemas.Reference
	text   *yamlread.Document // nil where places are not known
}

// readSchema reads a schema and compiles it. What does not compile is a fault of the file.
// What it refers to is read from the folder beside, where its names are those of refs.
func (e *env) readSchema(ctx context.Context, path, beside string, refs []schemas.Reference) (schemaFile, error) {
	f, err := e.readDocument(ctx, path)
	if err != nil {
		return f, err
	}
	limits := config.Default()
	f.refs = refs
	f.schema, err = schemas.Compile(f.data, schemas.Options{
		Name: f.name, Limits: limits.JSONLimits(), Load: inFolder(beside), References: refs,
		LoadReferences: func(string, int) ([]schemas.Reference, error) { return refs, nil },
	})
	if err != nil {
		return f, badConfig(schemaError(f.name, f.needsReference(err, refs)))
	}
	return f, nil
}

// folderOf is where what the schemas in files refer to is looked for: beside each, and for
// standard input beside the last that is a file.
func folderOf(path string, all []string) string {
	for i := len(all) - 1; i >= 0 && path == "-"; i-- {
		path = all[i]
	}
	return filepath.Dir(path)
}

// readDocument reads a JSON text. What cannot be read is a fault of the command line.
func (e *env) readDocument(ctx context.Context, path string) (schemaFile, error) {
	f := schemaFile{name: named(path)}
	in, _, err := e.input(ctx, path)
	if err != nil {
		return f, err
	}
	defer in.Close()
	if f.data, err = readWhole(in, f.name); errors.Is(err, errTooLarge) {
		return f, badConfig(err)
	} else if err != nil {
		return f, unread("", err)
	}
	if bad := jsonread.Check(f.data, jsonread.Limits{}); bad != nil {
		if docs, err := yamlread.Documents(f.name, f.data); err == nil && len(docs) > 0 {
			return f, badConfig(fmt.Errorf("%s: a schema file is JSON, and this is YAML, as manifests may be", f.name))
		}
		return f, badConfig(fmt.Errorf("%s:%d:%d: not a JSON document: %s", f.name, bad.Line, bad.Column, bad.Message))
	}
	if docs, err := yamlread.Documents(f.name, f.data); err == nil && len(docs) == 1 {
		f.text = &docs[0]
	}
	return f, nil
}

// tell prints notes on a schema, beside the answer.
func (e *env) tell(notes []schemaNote) {
	for _, n := range notes {
		e.wrappedStatus("note: %s: %s", clean(n.filePlace.String()), clean(n.Message))
	}
}

// schemaNote is something that a schema lets pass in silence and probably does not mean, as
// a keyword that is misspelt: it refuses nothing, so that the schema is compatible.
type schemaNote struct {
	Pointer string `json:"pointer"`
	Message string `json:"message"`
	filePlace
}

func (f schemaFile) notes() []schemaNote {
	list := []schemaNote{}
	for _, n := range schemas.Lint(f.data) {
		at := filePlace{File: f.name}
		parent, keyword := parentOf(n.Pointer)
		at.Line, at.Column = f.place(parent, keyword)
		list = append(list, schemaNote{n.Pointer, n.Message, at})
	}
	return list
}

// inFolder loads what a schema refers to, "lazaret:subject:version", from the file
// subject.version.json in a folder.
func inFolder(folder string) func(subject string, version int) ([]byte, error) {
	return func(subject string, version int) ([]byte, error) {
		name := fmt.Sprintf("%s.%d.json", filepath.Base(subject), version)
		data, err := readBeside(filepath.Join(folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			where := "the folder " + folder
			if folder == "." {
				where = "the current folder"
			}
			return nil, fmt.Errorf("there is no file %s in %s", name, where)
		}
		return data, err
	}
}

// place is where a keyword of the schema at a pointer stands, or else that schema; in a
// document that this one refers to, where it does. 0 if that is not known.
func (f schemaFile) place(pointer, keyword string) (line, column int) {
	if f.text == nil {
		return 0, 0
	}
	if document, _, other := strings.Cut(pointer, "#"); other && document != "" && document[0] != '/' {
		at, ok := f.refersTo(document)
		if !ok {
			return 0, 0
		}
		pointer, keyword = at, "$ref"
	}
	for _, p := range []string{pointer + "/" + escapeToken(keyword), pointer} {
		if at, ok := f.text.Locate(p); ok {
			if at.Verbatim {
				at.Column-- // a string begins with its quote, as the compiler counts
			}
			return at.Line, at.Column
		}
	}
	return 0, 0
}

// nearest is place, or where the nearest parent stands that there is.
func (f schemaFile) nearest(pointer, keyword string) filePlace {
	p := filePlace{File: f.name}
	for {
		if p.Line, p.Column = f.place(pointer, keyword); p.Line > 0 || pointer == "" {
			return p
		}
		pointer, _ = parentOf(pointer)
		keyword = ""
	}
}

func escapeToken(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}
