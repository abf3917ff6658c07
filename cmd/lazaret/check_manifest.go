package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// manifestFiles are what a stream's manifest says, and the versions of schemas that lie
// beside it as subject.version.json: what there is of a registry without a server.
type manifestFiles struct {
	dir     string
	stream  catalog.Resource
	schema  catalog.Resource // Name is "" if there is none
	rules   catalog.Resource // the same
	compile func(name string, document []byte, references []schemas.Reference) (*schemas.Schema, error)

	mu   sync.Mutex
	kept map[int]rules.Found
}

// readManifest finds a stream in a file or directory of manifests; name may be "" if there is
// one only.
func readManifest(path, name string) (*manifestFiles, error) {
	list, err := loadManifests(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("--manifest: %v", err)
	} else if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		dir = path
	}
	m := &manifestFiles{dir: dir, kept: map[int]rules.Found{}}
	found := 0
	for _, r := range list {
		if r.Kind == catalog.KindStream && (name == "" || r.Name == name) {
			m.stream = r
			found++
		}
	}
	switch {
	case found == 0:
		return nil, usage("--manifest: %s has no stream of that name", path)
	case found > 1:
		return nil, usage("--manifest: %s has %d streams: say which one with --stream", path, found)
	}
	s := &m.stream.Stream
	if err := s.Validate(); err != nil {
		return nil, err
	}
	for _, r := range list {
		switch {
		case r.Kind == catalog.KindSchema && s.Schema != nil && r.Name == s.Schema.Subject:
			m.schema = r
		case r.Kind == catalog.KindRuleSet && r.Name == s.Name:
			m.rules = r
		}
	}
	return m, nil
}

// file is a version's document, if it lies beside the manifest.
func (m *manifestFiles) file(subject string, number int) ([]byte, error) {
	return readBeside(filepath.Join(m.dir, fmt.Sprintf("%s.%d.json", filepath.Base(subject), number)))
}

// own is the version that judges events which name none, and its document: the one that the
// stream says, or the one after all that lie beside the manifest or are listed. The document is not looked
// for if another is given.
func (m *manifestFiles) own(given bool) (number int, document []byte, err error) {
	ref := m.stream.Stream.Schema
	if number = ref.Version; number > 0 && given {
		return number, nil, nil
	} else if number > 0 {
		if document, err = m.file(ref.Subject, number); !errors.Is(err, fs.ErrNotExist) {
			return number, document, err
		}
	}
	files, err := os.ReadDir(m.dir)
	if err != nil {
		return 0, nil, err
	}
	last := 0
	for _, f := range files {
		rest, ok := strings.CutPrefix(f.Name(), ref.Subject+".")
		n, err := strconv.Atoi(strings.TrimSuffix(rest, ".json"))
		if ok && err == nil {
			last = max(last, n)
		}
	}
	if number == 0 {
		number = last + 1
		for _, a := range ref.Accept { // it is newer than what it lets events name
			number = max(number, a.Version+1)
		}
	}
	if m.schema.Name != "" || given {
		return number, m.schema.Schema, nil
	}
	if ref.Version > 0 || last == 0 {
		return 0, nil, usage("--manifest: there is no Schema of the subject %s in it, and no %s.%d.json beside it; or give --schema FILE", ref.Subject, ref.Subject, max(1, ref.Version))
	}
	document, err = m.file(ref.Subject, last)
	return last, document, err
}

// versions are what events of the stream may name; nil if they name none.
func (m *manifestFiles) versions(own int) (*rules.Versions, error) {
	ref := m.stream.Stream.Schema
	if ref == nil || len(ref.NamedBy) == 0 {
		return nil, nil
	}
	v := &rules.Versions{Find: m}
	for _, by := range ref.NamedBy {
		v.By = append(v.By, rules.Naming(by))
	}
	for _, a := range ref.Accept {
		switch {
		case a.All:
			v.All, v.AllUntil = true, a.Ends()
		case a.Version != own:
			found, err := m.Version(context.Background(), a.Version)
			if err != nil {
				return nil, usage("--manifest: the stream accepts version %d of %s, which is to lie beside it as %s.%d.json: %v", a.Version, ref.Subject, ref.Subject, a.Version, err)
			}
			v.Accept = append(v.Accept, rules.Accepted{Number: a.Version, Schema: found.Schema, Until: a.Ends()})
		}
	}
	return v, nil
}

// Version implements rules.Finder with the files.
func (m *manifestFiles) Version(_ context.Context, number int) (rules.Found, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := m.kept[number]; ok {
		return found, nil
	}
	subject := m.stream.Stream.Schema.Subject
	document, err := m.file(subject, number)
	if errors.Is(err, fs.ErrNotExist) {
		return rules.Found{}, fmt.Errorf("%w: %w", schemas.ErrNotFound, err)
	} else if err != nil {
		return rules.Found{}, err
	}
	schema, err := m.compile(fmt.Sprintf("%s.%d.json", subject, number), document, nil)
	if err != nil {
		return rules.Found{}, err
	}
	m.kept[number] = rules.Found{Schema: schema}
	return m.kept[number], nil
}

// Numbers implements rules.Finder: the ids are the server's.
func (*manifestFiles) Numbers(context.Context, int64) ([]int, error) {
	return nil, errors.New("it is named by a registry's id, which only a server knows")
}

// into completes what a contract is made of.
func (m *manifestFiles) into(cfg *rules.ContractConfig, own int) (err error) {
	s := &m.stream.Stream
	cfg.Stream, cfg.ID, cfg.Key, cfg.Time = s.Name, s.ID, s.Key, s.Time
	if s.Schema != nil {
		cfg.Version = lazaret.Version{Subject: s.Schema.Subject, Schema: own}
	}
	cfg.Versions, err = m.versions(own)
	return err
}
