package sink

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Segments returns the paths of a file sink's closed segments below dir, in the order in
// which they were written. These files never change.
func Segments(dir string) ([]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var names []string
	err = walkSegments(root.FS(), func(name string) error {
		if strings.HasSuffix(name, segmentSuffix) {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// ReadAll calls fn with each line (without its line feed) that is durable in a file
// sink's directory, of closed segments and of the open one, in the order of writing.
// The sink may be at work meanwhile; what it adds after ReadAll has begun may be left
// out. The line is valid until fn returns; an error of fn ends ReadAll.
func ReadAll(dir string, fn func(line []byte) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var names []string
	err = walkSegments(root.FS(), func(name string) error {
		names = append(names, name)
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := readSegment(rooted{Root: root}, name, fn); err != nil {
			return err
		}
	}
	return nil
}

// readSegment reads a segment that was listed under this name.
func readSegment(fsys rooted, name string, fn func([]byte) error) error {
	base, open := strings.CutSuffix(name, openSuffix)
	if !open {
		return readLines(fsys, name, -1, fn)
	}
	// What the journal tells now holds for the file, whether or not it was closed since.
	end, err := committed(fsys, base)
	if err != nil {
		return err
	}
	err = readLines(fsys, name, end, fn)
	if errors.Is(err, fs.ErrNotExist) { // closed since
		err = readLines(fsys, base, -1, fn)
	}
	return err
}

// committed returns up to where the journal has groups of the segment.
func committed(fsys files, segment string) (int64, error) {
	var open string
	var end int64
	_, err := openJournal(fsys, func(e entry) error {
		if e.Open != "" {
			open = e.Open
		}
		if open == segment {
			end = max(end, e.To)
		}
		return nil
	})
	return end, err
}

// readLines reads a file's lines up to an offset; -1 is its end.
func readLines(fsys rooted, name string, end int64, fn func([]byte) error) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if end >= 0 {
		r = io.LimitReader(f, end)
	}
	in := bufio.NewReaderSize(r, 256<<10)
	for {
		line, err := in.ReadBytes('\n')
		if line, whole := bytes.CutSuffix(line, []byte("\n")); whole {
			if err := fn(line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// walkSegments calls fn with the path of each segment, open ones with their suffix, in
// the order of names.
func walkSegments(tree fs.FS, fn func(name string) error) error {
	days, err := partitions(tree, ".", "dt=")
	if err != nil {
		return err
	}
	for _, day := range days {
		hours, err := partitions(tree, day, "hour=")
		if err != nil {
			return err
		}
		for _, hour := range hours {
			found, err := fs.ReadDir(tree, hour)
			if err != nil {
				return err
			}
			for _, f := range found {
				name := strings.TrimSuffix(f.Name(), openSuffix)
				if f.Type().IsRegular() && strings.HasSuffix(name, segmentSuffix) && name[0] != '_' && name[0] != '.' {
					if err := fn(path.Join(hour, f.Name())); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// partitions returns the directories in dir whose names begin so.
func partitions(tree fs.FS, dir, prefix string) ([]string, error) {
	found, err := fs.ReadDir(tree, dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range found {
		if d.IsDir() && strings.HasPrefix(d.Name(), prefix) {
			out = append(out, path.Join(dir, d.Name()))
		}
	}
	return out, nil
}
