// The command maestro-inspect prints the log of one aggregate and says what is wrong with it. It
// needs nothing but the database: no program that knows the aggregate's events.
//
//	go run github.com/eventmaestro/maestro/store/postgres/maestro-inspect@latest -database URL ID
//
// ID is the aggregate's id in its text form, or its 16 bytes in hexadecimal as psql prints them. It
// only reads, in one transaction, so the snapshot and the events it sees belong together.
//
// Wrong is: no event at all, a gap or a repeat in the sequences, a timestamp that is not after the
// one before or far ahead of the database's clock, a type that -types doesn't list, and a
// snapshot that the log doesn't reach, that was made of another log, or that Maestro made where
// timestamps fall. Whether the bodies can be applied, and whether a replay gives what the snapshot
// holds, only the application knows: see Root.Inspect in package aggregate.
//
// It exits with 0 if nothing is wrong, 1 if something is, 2 for arguments that mean nothing, and 3
// if the database could not be read.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
)

// The exit codes.
const (
	exitGood = iota
	exitWrong
	exitUsage
	exitUnread
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// config is what the arguments say.
type config struct {
	database, schema string
	id               hlc.Timestamp
	from, to         int64
	known            map[string]bool // nil: any type
	json             bool
}

// run is main with its surroundings passed in; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitGood
	case err != nil:
		fmt.Fprintln(stderr, "maestro-inspect:", err)
		return exitUsage
	}
	var p printer = &textPrinter{w: stdout}
	if c.json {
		p = &jsonPrinter{w: stdout}
	}
	problems, err := inspect(ctx, c, p)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "maestro-inspect:", err)
		return exitUnread
	case problems > 0:
		return exitWrong
	}
	return exitGood
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	var known string
	flags := flag.NewFlagSet("maestro-inspect", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: maestro-inspect [flags] ID")
		flags.PrintDefaults()
	}
	flags.StringVar(&c.database, "database", "", "the `URL` of the database; by default what the PG environment variables say")
	flags.StringVar(&c.schema, "schema", "", "the `schema` of the tables; by default the connection's search_path decides")
	flags.Int64Var(&c.from, "from", 1, "the first `sequence` to look at")
	flags.Int64Var(&c.to, "to", 0, "the last `sequence` to look at; 0 for the last of the log")
	flags.StringVar(&known, "types", "", "the event types that there should be, with commas between them; by default any")
	flags.BoolVar(&c.json, "json", false, "print a JSON object a line: the events, the snapshot, a summary")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() != 1 {
		return c, fmt.Errorf("want one aggregate id behind the flags, got %d arguments", flags.NArg())
	}
	if c.from < 1 || c.to < 0 || c.to > 0 && c.to < c.from {
		return c, fmt.Errorf("-from %d -to %d is not a range of sequences", c.from, c.to)
	}
	if known != "" {
		c.known = map[string]bool{}
		for name := range strings.SplitSeq(known, ",") {
			c.known[strings.TrimSpace(name)] = true
		}
	}
	var err error
	c.id, err = parseID(flags.Arg(0))
	return c, err
}

// parseID reads an id in its text form or, as psql prints a bytea, in hexadecimal.
func parseID(s string) (hlc.Timestamp, error) {
	digits := strings.ReplaceAll(strings.TrimPrefix(s, `\x`), "-", "")
	if raw, err := hex.DecodeString(digits); err == nil && len(raw) == hlc.Size {
		return hlc.FromBytes(raw)
	}
	return hlc.Parse(s)
}
