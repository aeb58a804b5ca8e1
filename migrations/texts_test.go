package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/migrations"
)

// TestTheTextsOfErrors pins what people read, one line an error.
func TestTheTextsOfErrors(t *testing.T) {
	t.Parallel()
	invalid := func(o migrations.Options) error {
		_, err := migrations.Up(&o)
		return err
	}
	missing := migrations.Problem{Object: "column event_log.metadata", Reason: "is missing", DDL: "ALTER TABLE event_log ADD COLUMN metadata jsonb;"}
	for _, test := range []struct {
		err  error
		text string
	}{
		{invalid(migrations.Options{Schema: "a\x00"}), "migrations: Options.Schema holds a NUL: use 1 to 63 bytes of UTF-8, none of them NUL"},
		{invalid(migrations.Options{Partitions: -1}), "migrations: Options.Partitions is -1: must be 0 (a plain table) to 4096"},
		{
			invalid(migrations.Options{Partitions: 2, Sharded: true}),
			"migrations: Options.Sharded excludes Partitions: choose one of the two ways to split the event log",
		},
		{invalid(migrations.Options{Extend: true}), "migrations: Options.Extend leaves nothing to do: set Metadata, Commands or Tail too"},
		{
			&migrations.ValidateError{Problems: []migrations.Problem{missing}},
			"migrations: the tables are not as the store needs them, 1 problem:\n" +
				"column event_log.metadata is missing:\n    ALTER TABLE event_log ADD COLUMN metadata jsonb;",
		},
		{
			&migrations.ValidateError{Problems: []migrations.Problem{{Object: "table a", Reason: "is odd"}, {Object: "table b", Reason: "is odd"}}},
			"migrations: the tables are not as the store needs them, 2 problems:\ntable a is odd\ntable b is odd",
		},
	} {
		require.EqualError(t, test.err, test.text)
	}
}
