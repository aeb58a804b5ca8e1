// Package generate writes the event store's SQL as a migration into an app's
// folder. It is the command maestro-migrations without the flags.
package generate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/migrations"
)

// Config says what to write and where.
type Config struct {
	Format  string             // one of Formats
	Dir     string             // the app's folder of migrations; made if it is missing
	Name    string             // the migration's name: letters, digits, _ and -
	Version string             // digits; "" for what the format's tool would choose
	Options migrations.Options // the tables
	Now     time.Time          // what a version that is a time is taken from
}

// Result says what came of it.
type Result struct {
	Paths []string // the migration's files
	Fresh bool     // false where they were there already, with this very content
}

// UsageError is returned for a Config that can't be carried out whatever the
// folder holds.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *UsageError) Unwrap() error { return e.Err }

// ExistsError is returned where a file stands in the way. Nothing is ever
// overwritten.
type ExistsError struct {
	Path   string // the file that is there
	Reason string
}

func (e *ExistsError) Error() string { return e.Path + " " + e.Reason }

// validName keeps names to what every tool and file system takes.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

var digits = regexp.MustCompile(`^[0-9]+$`)

// Write writes the migration. A migration of the same name that is there with the
// same content, under whatever version, is left as it is, so that a generate line
// can be run again; one with other content is an *[ExistsError]. Either all files
// are written or none.
func Write(c *Config) (*Result, error) {
	f, err := c.check()
	if err != nil {
		return nil, &UsageError{err}
	}
	files, err := c.render(f)
	if err != nil {
		return nil, &UsageError{err}
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, err
	}
	there, err := scan(c.Dir)
	if err != nil {
		return nil, err
	}
	if stems := there.stems(f, c.Name); len(stems) > 0 {
		return compare(c.Dir, stems, files)
	}
	version := c.Version
	if version == "" && f.versioned() {
		version = f.next(c.Now, there.versions())
	}
	if taken := there.taken(version); f.versioned() && taken != "" {
		return nil, &ExistsError{filepath.Join(c.Dir, taken), "has version " + version + " already: choose another"}
	}
	paths, err := create(c.Dir, f.stem(version, c.Name), files)
	if err != nil {
		return nil, err
	}
	return &Result{Paths: paths, Fresh: true}, nil
}

// check returns the format, or what is wrong with the config.
func (c *Config) check() (format, error) {
	f, known := formats[c.Format]
	switch {
	case !known:
		return f, fmt.Errorf("no format %q: must be one of %s", c.Format, strings.Join(Formats(), ", "))
	case !validName.MatchString(c.Name):
		return f, fmt.Errorf("name %q: must be letters, digits, _ and -, and begin with a letter or digit", c.Name)
	case c.Dir == "":
		return f, errors.New("no folder to write to")
	case c.Version != "" && !f.versioned():
		return f, fmt.Errorf("version %q: files of format %s have none", c.Version, c.Format)
	case c.Version != "" && (!digits.MatchString(c.Version) || len(c.Version) > 18):
		return f, fmt.Errorf("version %q: must be 1 to 18 digits", c.Version)
	}
	return f, f.accepts(c.Options.Schema)
}

// render returns the contents of the migration's files.
func (c *Config) render(f format) ([]file, error) {
	up, err := migrations.Up(&c.Options)
	if err != nil {
		return nil, err
	}
	down, err := migrations.Down(&c.Options)
	if err != nil {
		return nil, err
	}
	return f.files(up, down), nil
}

// listing is what lies in the folder: file names.
type listing []string

func scan(dir string) (listing, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names listing
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// stems returns the file names, without suffix, of migrations of this name.
func (l listing) stems(f format, name string) []string {
	var stems []string
	add := func(stem string) {
		if len(stems) == 0 || stems[len(stems)-1] != stem {
			stems = append(stems, stem)
		}
	}
	for _, base := range l {
		if m := numbered.FindStringSubmatch(base); f.versioned() && m != nil && m[2] == name {
			add(m[1] + "_" + name)
		}
		if !f.versioned() && (base == name+".up.sql" || base == name+".down.sql") {
			add(name)
		}
	}
	return stems
}

// versions returns the versions that are taken.
func (l listing) versions() []string {
	var versions []string
	for _, base := range l {
		if m := numbered.FindStringSubmatch(base); m != nil {
			versions = append(versions, m[1])
		}
	}
	return versions
}

// taken returns the file that has the version already, whatever zeros it begins
// with, "" for none.
func (l listing) taken(version string) string {
	number, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return ""
	}
	for _, base := range l {
		if m := numbered.FindStringSubmatch(base); m != nil {
			if n, err := strconv.ParseUint(m[1], 10, 64); err == nil && n == number {
				return base
			}
		}
	}
	return ""
}

// compare accepts a migration that is there if it is what would be written.
func compare(dir string, stems []string, files []file) (*Result, error) {
	if len(stems) > 1 {
		return nil, &ExistsError{filepath.Join(dir, stems[0]+files[0].suffix), "and " + stems[1] + " have the name already: choose another"}
	}
	result := &Result{}
	for _, f := range files {
		path := filepath.Join(dir, stems[0]+f.suffix)
		is, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &ExistsError{filepath.Join(dir, stems[0]), "is there, but not as a migration of this format"}
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(is, []byte(f.content)) {
			return nil, &ExistsError{path, "is there with other content: choose another -name, or delete it if it never ran"}
		}
		result.Paths = append(result.Paths, path)
	}
	return result, nil
}

// create writes the files; if one can't be written those before it are removed.
func create(dir, stem string, files []file) (paths []string, err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, path := range paths {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	for _, f := range files {
		path := filepath.Join(dir, stem+f.suffix)
		out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return paths, &ExistsError{path, "is there already"}
		}
		if err != nil {
			return paths, err
		}
		paths = append(paths, path)
		_, err = out.WriteString(f.content)
		if err := errors.Join(err, out.Close()); err != nil {
			return paths, err
		}
	}
	return paths, nil
}
