package migrations

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/eventmaestro/maestro/internal/pgname"
)

// FS holds the SQL, one file per table or column and direction, to read it or to make something
// else of it. The files are text/template; Up and Down fill them in.
//
//go:embed sql/*.sql.tmpl
var FS embed.FS

// files are the parsed templates of FS, by base name.
var files = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
	"comment": comment,
	"literal": literal,
}).ParseFS(FS, "sql/*.sql.tmpl"))

// Up returns the SQL that makes the tables. It is one text of several statements,
// to be run in one transaction. Its error is a *[types.OptionsError].
func Up(o *Options) (string, error) {
	names, parts, err := plan(o)
	if err != nil {
		return "", err
	}
	if names.Schema != "" && !o.Extend {
		parts = slices.Insert(parts, 0, partSchema)
	}
	return render(names, parts, "up")
}

// Down returns the SQL that undoes Up: it drops the tables and all events with them. A schema that
// Up made stays, because it may contain more by then. Errors are those of [Up].
func Down(o *Options) (string, error) {
	names, parts, err := plan(o)
	if err != nil {
		return "", err
	}
	slices.Reverse(parts)
	// The columns go with their table.
	if slices.Contains(parts, partEventLog) {
		parts = slices.DeleteFunc(parts, func(p part) bool { return p == partMetadata || p == partTransactionID })
	}
	return render(names, parts, "down")
}

// part is one thing that can be made alone.
type part string

const (
	partSchema        part = "schema"
	partEventLog      part = "event_log"
	partSnapshots     part = "snapshots"
	partMetadata      part = "metadata"
	partCommands      part = "commands"
	partTransactionID part = "transaction_id"
	partTails         part = "tails"
)

// plan returns the names to fill in and the parts to make, in order.
func plan(o *Options) (*names, []part, error) {
	options := o.orDefault()
	if err := options.check(); err != nil {
		return nil, nil, err
	}
	names, err := namesOf(options)
	if err != nil {
		return nil, nil, fmt.Errorf("migrations: %w", err)
	}
	var parts []part
	if !options.Extend {
		parts = append(parts, partEventLog, partSnapshots)
	}
	if options.Metadata {
		parts = append(parts, partMetadata)
	}
	if options.Commands {
		parts = append(parts, partCommands)
	}
	if options.Tail {
		parts = append(parts, partTransactionID, partTails)
	}
	return names, parts, nil
}

// names are what the templates refer to, quoted.
type names struct {
	Schema, EventLog, Snapshots, Commands, Tails string
	Partitions                                   []partition
	Sharded                                      bool
}

// partition names one partition of the event log.
type partition struct {
	Table, TimestampIndex string
	Remainder             int
}

func namesOf(o Options) (*names, error) {
	n := &names{Sharded: o.Sharded}
	if o.Schema != "" {
		schema, err := pgname.Quote(o.Schema)
		if err != nil {
			return nil, err
		}
		n.Schema = schema
	}
	// Our own table names need no quotes; only the schema is the user's.
	qualify := func(table string) string {
		if n.Schema == "" {
			return table
		}
		return n.Schema + "." + table
	}
	n.EventLog, n.Snapshots = qualify("event_log"), qualify("snapshots")
	n.Commands, n.Tails = qualify("commands"), qualify("tails")
	for i := range o.Partitions {
		table := fmt.Sprintf("event_log_%d", i)
		n.Partitions = append(n.Partitions, partition{
			Table: qualify(table), TimestampIndex: table + "_timestamp_idx", Remainder: i,
		})
	}
	return n, nil
}

// file returns the base name of the template of a part.
func (n *names) file(p part, direction string) string {
	variant := ""
	if p == partEventLog && direction == "up" {
		switch {
		case n.Sharded:
			variant = "_sharded"
		case len(n.Partitions) > 0:
			variant = "_partitioned"
		}
	}
	return string(p) + variant + "." + direction + ".sql.tmpl"
}

// render fills in the templates of the parts, a blank line between two.
func render(n *names, parts []part, direction string) (string, error) {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := files.ExecuteTemplate(&b, n.file(p, direction), n); err != nil {
			return "", fmt.Errorf("migrations: %w", err)
		}
	}
	return b.String(), nil
}

// comment returns its parts as one SQL comment. A name may hold a line break,
// behind which the comment has to go on.
func comment(parts ...string) string {
	return "-- " + strings.NewReplacer("\n", "\n-- ", "\r", "\r-- ").Replace(strings.Join(parts, ""))
}

// literal returns s as an SQL string constant.
func literal(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		// The same whatever standard_conforming_strings says.
		return "E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}
