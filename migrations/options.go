package migrations

import (
	"fmt"

	"github.com/eventmaestro/maestro/internal/pgname"
	"github.com/eventmaestro/maestro/types"
)

// MaxPartitions bounds Options.Partitions: every statement that does not name an
// aggregate has to look at every partition.
const MaxPartitions = 4096

// Options choose the tables. A nil *Options and the zero value mean Maestro's
// plain schema on the session's search_path.
type Options struct {
	// Schema is the schema that holds the tables, any name that Postgres allows, as
	// it is: not quoted, and not folded to lower case. "" leaves the names
	// unqualified, for the session's search_path to decide.
	Schema string

	// Partitions is the number of hash partitions by aggregate into which the event log is split,
	// up to MaxPartitions. 0 means a plain table; Validate then accepts a partitioned one too.
	Partitions int

	// Metadata adds the nullable column event_log.metadata.
	Metadata bool

	// Commands adds the table of the command ids that were used.
	Commands bool

	// Tail adds what a tail needs (postgres.NewTail): the nullable column
	// event_log.transaction_id, which the server fills in, with an index, and the table tails.
	Tail bool

	// Sharded makes every unique key hold aggregate_id, for a distributed Postgres
	// such as Citus that spreads the tables by it. It excludes Partitions.
	Sharded bool

	// Extend leaves out Maestro's own tables: the SQL is only that of Metadata, Commands and Tail,
	// for a database that already has an event log.
	Extend bool
}

// check refuses options that mean nothing.
func (o *Options) check() error {
	switch {
	case o.Partitions < 0 || o.Partitions > MaxPartitions:
		return &types.OptionsError{Package: "migrations", Field: "Options.Partitions", Reason: fmt.Sprintf("is %d: must be 0 (a plain table) to %d", o.Partitions, MaxPartitions)}
	case o.Partitions > 0 && o.Sharded:
		return &types.OptionsError{Package: "migrations", Field: "Options.Sharded", Reason: "excludes Partitions: choose one of the two ways to split the event log"}
	case o.Extend && !o.Metadata && !o.Commands && !o.Tail:
		return &types.OptionsError{Package: "migrations", Field: "Options.Extend", Reason: "leaves nothing to do: set Metadata, Commands or Tail too"}
	case o.Schema != "" && pgname.Refusal(o.Schema) != "":
		return &types.OptionsError{Package: "migrations", Field: "Options.Schema", Reason: pgname.Refusal(o.Schema)}
	}
	return nil
}

// orDefault returns a copy of o, or the zero Options for nil.
func (o *Options) orDefault() Options {
	if o == nil {
		return Options{}
	}
	return *o
}
