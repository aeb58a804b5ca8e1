// The command maestro-migrations writes the event store's tables as a migration
// into an app's folder:
//
//	go get -tool github.com/eventmaestro/maestro/migrations/maestro-migrations
//	go tool maestro-migrations -format goose -dir db/migrations
//
// The first line puts the command, in the version that the app uses, into the app's go.mod. The
// second may stand behind go:generate.
//
// It never overwrites: a migration of the same name is left alone if it is what
// would be written, and is an error otherwise. It exits with 0 if the migration is
// there, 1 if it could not be written, and 2 for flags that mean nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/migrations/internal/generate"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, time.Now())) }

// run is main with its surroundings passed in; it returns the exit code.
func run(args []string, stdout, stderr io.Writer, now time.Time) int {
	config := generate.Config{Now: now}
	flags := flag.NewFlagSet("maestro-migrations", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: maestro-migrations [flags]\nwrites the event store's tables as a migration into a folder; it never overwrites")
		flags.PrintDefaults()
	}
	flags.StringVar(&config.Format, "format", "sql", "whose file naming and markers: "+strings.Join(generate.Formats(), ", "))
	flags.StringVar(&config.Dir, "dir", ".", "the app's `folder` of migrations")
	flags.StringVar(&config.Name, "name", "event_store", "the migration's `name`")
	flags.StringVar(&config.Version, "version", "", "the migration's `number`; by default the time, or for tern the next one")
	flags.StringVar(&config.Options.Schema, "schema", "", "the `schema` of the tables; by default the connection's search_path decides")
	flags.IntVar(&config.Options.Partitions, "partitions", 0, "into how many hash partitions the event log is split; 0 for a plain table")
	flags.BoolVar(&config.Options.Metadata, "metadata", false, "add the events' metadata column")
	flags.BoolVar(&config.Options.Commands, "commands", false, "add the table of command ids")
	flags.BoolVar(&config.Options.Tail, "tail", false, "add what tails need: the events' transaction, and a table of how far tails are")
	flags.BoolVar(&config.Options.Sharded, "sharded", false, "for a Postgres that spreads tables over nodes, such as Citus")
	flags.BoolVar(&config.Options.Extend, "extend", false, "only -metadata, -commands and -tail, where the event log is there already")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "maestro-migrations: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	result, err := generate.Write(&config)
	if err != nil {
		fmt.Fprintln(stderr, "maestro-migrations:", err)
		if errors.As(err, new(*generate.UsageError)) {
			return 2
		}
		return 1
	}
	for _, path := range result.Paths {
		if result.Fresh {
			fmt.Fprintln(stdout, "wrote", path)
		} else {
			fmt.Fprintln(stdout, "left", path, "as it is: nothing to change")
		}
	}
	return 0
}
