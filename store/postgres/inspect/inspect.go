// Package inspect prints the log of one aggregate, and says what is wrong with it. It is the
// command maestro-inspect, to which an application adds its definitions:
//
//	func main() { inspect.Main(inspect.Of(account), inspect.Of(order)) }
//
// It only reads, in one transaction, so the snapshot and the events that it sees belong together.
//
// These are wrong:
//
//   - no event at all
//   - a gap or a repeat in the sequences
//   - a timestamp that is not after the one before, or far ahead of the database's clock
//   - a type that -types doesn't list
//   - a snapshot that the log doesn't reach, or of another log, or that Maestro made of a log whose
//     timestamps fall
//   - with a definition: an event that it can't apply, a snapshot that it can't use, and a snapshot
//     that differs from a replay. Without a definition the snapshot's line says that nobody
//     compared it
//
// The program exits with 0 if nothing is wrong, 1 if something is, 2 for invalid arguments, and 3
// if the database could not be read.
//
// Read next: Root.Inspect in package aggregate, which is the part that replays.
package inspect

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

// Main is the program: it reads the arguments of the process, and ends it with the exit code. Which
// of the kinds an aggregate is of, its events tell; -root says it where two kinds know them.
func Main(kinds ...Kind) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, kinds...)
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
	root             string
	kinds            []Kind
}

// run is main with its surroundings passed in; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, kinds ...Kind) int {
	c, err := parse(args, stderr, kinds)
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

func parse(args []string, stderr io.Writer, kinds []Kind) (config, error) {
	c := config{kinds: kinds}
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
	if len(kinds) > 0 {
		flags.StringVar(&c.root, "root", "", "the `name` of the root: "+names(kinds)+"; by default the one that knows the events")
	}
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
	if c.root != "" {
		if c.kinds = named(kinds, c.root); len(c.kinds) == 0 {
			return c, fmt.Errorf("-root %q is none of %s", c.root, names(kinds))
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
