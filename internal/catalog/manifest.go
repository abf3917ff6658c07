package catalog

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lazaret/lazaret/internal/yamlread"
)

// maxFile bounds a manifest, and a file that one names, in bytes.
const maxFile = yamlread.MaxBytes

// maxResources is how many resources one text may hold.
const maxResources = 1000

// ParseManifests reads resources from a text: YAML documents separated by "---", each a
// resource, or one JSON or YAML document {"resources":[…]}. The name is what errors
// call the text. readFile finds the files that Schema resources name; nil forbids them.
// All errors are returned, joined.
func ParseManifests(name string, data []byte, readFile func(name string) ([]byte, error)) ([]Resource, error) {
	docs, err := yamlread.Documents(name, data, yamlread.ShowLines())
	if err != nil {
		return nil, err
	}
	var list []Resource
	var errs []error
	if len(docs) > maxResources {
		return nil, fmt.Errorf("%s: %d documents; at most %d resources are taken at once", name, len(docs), maxResources)
	}
	for _, doc := range docs {
		if _, ok := doc.Locate("/resources"); ok && doc.Kind() == "" {
			inner, err := parseList(doc, readFile)
			list, errs = append(list, inner...), append(errs, err)
			continue
		}
		r, err := ParseResource(name, doc, readFile)
		list, errs = append(list, r), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i := range list {
		list[i].File = name
	}
	return list, repeated(list)
}

// parseList reads {"resources":[…]}. Errors give the place in the whole text.
func parseList(doc yamlread.Document, readFile func(string) ([]byte, error)) ([]Resource, error) {
	var body struct {
		Resources []json.RawMessage `yaml:"resources"`
	}
	if err := doc.Decode(&body); err != nil {
		return nil, err
	}
	var list []Resource
	if n := len(body.Resources); n > maxResources {
		return nil, doc.Error("/resources", fmt.Sprintf("%d resources; at most %d are taken at once", n, maxResources))
	}
	var errs []error
	for i, raw := range body.Resources {
		at := fmt.Sprintf("/resources/%d", i)
		inner, err := yamlread.Documents(at, raw, yamlread.ShowLines())
		if err == nil && len(inner) != 1 {
			err = doc.Error(at, "expected a resource")
		}
		if err == nil {
			var r Resource
			if r, err = ParseResource(at, inner[0], readFile); err == nil {
				r.locate = func(string) (yamlread.Position, bool) { return yamlread.Position{}, false }
				list = append(list, r)
				continue
			}
		}
		var e *yamlread.Error
		if errors.As(err, &e) && e.File == at {
			err = doc.Error(at, at+": "+e.Message)
		}
		errs = append(errs, err)
	}
	return list, errors.Join(errs...)
}

// repeated refuses two resources of the same key.
func repeated(list []Resource) error {
	seen := map[string]Resource{}
	for _, r := range list {
		if first, ok := seen[r.Key()]; ok {
			return &yamlread.Error{File: r.File, Message: fmt.Sprintf("%s is here although it was before, in %s", r.Key(), cmp.Or(first.File, "the same text"))}
		}
		seen[r.Key()] = r
	}
	return nil
}

// LoadFile reads the resources of a manifest. A Schema's file is looked for in the
// manifest's directory and below, nowhere else, whatever links there are.
func LoadFile(path string) ([]Resource, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	defer root.Close()
	data, err := readIn(root, filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", path, err)
	}
	list, err := ParseManifests(path, data, func(name string) ([]byte, error) {
		return readIn(root, filepath.FromSlash(name))
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s: no resources in it", path)
	}
	return list, err
}

// LoadDir reads the manifests in a directory: every .yaml and .yml file, and every .json
// file that has a "kind" or "resources", in the order of their names, and none of its
// subdirectories. Finding none is an error.
func LoadDir(path string) ([]Resource, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("manifests: %w", err)
	}
	var list []Resource
	var errs []error
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !isManifest(name) {
			continue
		}
		in, err := LoadFile(name)
		list, errs = append(list, in...), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no manifests (.yaml, .yml or .json with a kind) in it", path)
	}
	return list, repeated(list)
}

// isManifest tells manifests from what lies beside them, such as the schemas that they
// name. A file that cannot be read counts, so that reading it says why.
func isManifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml":
		return true
	case ".json":
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return true
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return true
		}
		var head struct {
			Kind      json.RawMessage `json:"kind"`
			Resources json.RawMessage `json:"resources"`
		}
		return json.Unmarshal(data, &head) == nil && (head.Kind != nil || head.Resources != nil)
	}
	return false
}

// readIn reads a regular file below root, at most maxFile bytes of it.
func readIn(root *os.Root, name string) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is refused below, and not waited for
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, plain(err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, err
}

// plain says a path error without the name of the system call.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("cannot read %s: %w", p.Path, p.Err)
	}
	return err
}
