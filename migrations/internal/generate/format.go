package generate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// format is how a migration tool wants its files.
type format struct {
	// files returns the files of one migration, by what follows its name, in the
	// order in which they are reported.
	files func(up, down string) []file
	// next returns the version of a new migration after the versions that are there.
	next func(now time.Time, taken []string) string
	// forbidden are character sequences that mean something to the tool wherever
	// they stand in the file, a quoted name included.
	forbidden []string
}

// file is one file of a migration, named by what follows version and name.
type file struct{ suffix, content string }

var formats = map[string]format{
	"goose": {
		files: func(up, down string) []file {
			return []file{{".sql", "-- +goose Up\n" + up + "\n-- +goose Down\n" + down}}
		},
		next: timestamp,
		// Goose looks for a comment behind the semicolon that ends a statement.
		forbidden: []string{"--"},
	},
	"golang-migrate": {files: upAndDown, next: timestamp},
	"tern": {
		files: func(up, down string) []file {
			return []file{{".sql", up + "\n---- create above / drop below ----\n\n" + down}}
		},
		next: following,
		// Tern reads its files as templates.
		forbidden: []string{"{{"},
	},
	"dbmate": {
		files: func(up, down string) []file {
			return []file{{".sql", "-- migrate:up\n" + up + "\n-- migrate:down\n" + down}}
		},
		next: timestamp,
	},
	"sql": {files: upAndDown},
}

// Formats returns the names of the formats in alphabetical order.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

func upAndDown(up, down string) []file {
	return []file{{".up.sql", up}, {".down.sql", down}}
}

// timestamp is the version that most tools give a new migration.
func timestamp(now time.Time, _ []string) string { return now.UTC().Format("20060102150405") }

// following is one more than the highest version, as tern wants it: without gaps,
// in three digits.
func following(_ time.Time, taken []string) string {
	highest := 0
	for _, version := range taken {
		if n, err := strconv.Atoi(version); err == nil {
			highest = max(highest, n)
		}
	}
	return fmt.Sprintf("%03d", highest+1)
}

// versioned reports whether the format's file names begin with a version.
func (f format) versioned() bool { return f.next != nil }

// stem returns the file name without its suffix.
func (f format) stem(version, name string) string {
	if !f.versioned() {
		return name
	}
	return version + "_" + name
}

// numbered is a migration's file name in all of the versioned formats.
var numbered = regexp.MustCompile(`^([0-9]+)_(.+?)((\.up|\.down)?\.sql)$`)

// accepts returns an error for a schema name that would not survive the tool. The
// tools read line by line, so that what looks like one of their own lines would be
// taken for it, inside a quoted name too.
func (f format) accepts(schema string) error {
	for _, r := range schema {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("schema name %q contains a control character, which a migration file must not", schema)
		}
	}
	for _, sequence := range f.forbidden {
		if strings.Contains(schema, sequence) {
			return fmt.Errorf("schema name %q holds %q, which means something to the migration tool", schema, sequence)
		}
	}
	return nil
}
