package migrations

import "slices"

// want is what a table must have. Names of indexes and constraints do not
// matter: on a partitioned table, and on one that another tool made, they differ.
type want struct {
	part    part
	columns []wantColumn
	checks  []wantCheck
	keys    []wantKey
}

type wantColumn struct {
	name, typ string
	nullable  bool
	fillsIn   string // the default, "" for none
}

// wantCheck is a check constraint, as DDL says it and as the catalog prints it.
type wantCheck struct{ name, expression, printed string }

// wantKey is an index: the columns that the DDL names, and those that do as well.
type wantKey struct {
	name            string
	columns         []string
	or              [][]string
	unique, primary bool
	prefix          bool // an index that begins with the columns will do
}

var (
	aggregateSize = wantCheck{"hlc_field_aggregate_id_size", "length(aggregate_id) = 16", "CHECK ((length(aggregate_id) = 16))"}
	timestampSize = wantCheck{"hlc_field_timestamp_size", `length("timestamp") = 16`, `CHECK ((length("timestamp") = 16))`}
)

// wants returns what the tables of the options must have.
func wants(o Options) []want {
	all := []want{wantEventLog(o), {
		part: partSnapshots,
		columns: []wantColumn{
			{name: "aggregate_id", typ: "bytea"}, {name: "sequence", typ: "integer"}, {name: "body", typ: "jsonb"},
		},
		checks: []wantCheck{aggregateSize},
		keys:   []wantKey{{name: "snapshots_pkey", columns: []string{"aggregate_id"}, unique: true, primary: true}},
	}}
	if o.Commands {
		all = append(all, wantCommands())
	}
	if o.Tail {
		all = append(all, wantTails())
	}
	return all
}

func wantEventLog(o Options) want {
	alone, both := []string{"timestamp"}, []string{"aggregate_id", "timestamp"}
	primary := wantKey{name: "event_log_pkey", columns: alone, or: [][]string{both}, unique: true, primary: true}
	if o.Sharded || o.Partitions > 0 {
		primary.columns, primary.or = both, nil
	}
	w := want{
		part: partEventLog,
		columns: []wantColumn{
			{name: "timestamp", typ: "bytea"},
			{name: "aggregate_id", typ: "bytea"},
			{name: "sequence", typ: "integer"},
			{name: "type", typ: "character varying(256)"},
			{name: "body", typ: "jsonb"},
		},
		checks: []wantCheck{aggregateSize, timestampSize, {"sequence", "sequence > 0", "CHECK ((sequence > 0))"}},
		keys: []wantKey{primary, {
			name: "aggregate_sequence_index", columns: []string{"aggregate_id", "sequence"}, unique: true,
		}},
	}
	if o.Metadata {
		w.columns = append(w.columns, wantColumn{name: "metadata", typ: "jsonb", nullable: true})
	}
	if o.Tail {
		w.columns = append(w.columns, wantColumn{name: "transaction_id", typ: "xid8", nullable: true, fillsIn: "pg_current_xact_id()"})
		w.keys = append(w.keys, wantKey{name: "event_log_transaction_id_index", columns: []string{"transaction_id"}, prefix: true})
	}
	return w
}

func wantTails() want {
	return want{
		part: partTails,
		columns: []wantColumn{
			{name: "name", typ: "character varying(256)"},
			{name: "round", typ: "integer"},
			{name: "part", typ: "integer"},
			{name: "parts", typ: "integer"},
			{name: "types", typ: "text[]"},
			{name: "cluster", typ: "text", nullable: true},
			{name: "seen", typ: "pg_snapshot", nullable: true},
			{name: "until", typ: "pg_snapshot", nullable: true},
			{name: "after_aggregate", typ: "bytea", nullable: true},
			{name: "after_sequence", typ: "integer", nullable: true},
			{name: "stop", typ: "pg_snapshot", nullable: true},
			{name: "known", typ: "boolean", fillsIn: "false"},
			{name: "delivered", typ: "bigint", fillsIn: "0"},
			{name: "saved_at", typ: "timestamp with time zone", fillsIn: "now()"},
		},
		keys: []wantKey{{name: "tails_pkey", columns: []string{"name", "round", "part"}, unique: true, primary: true}},
	}
}

func wantCommands() want {
	return want{
		part: partCommands,
		columns: []wantColumn{
			{name: "aggregate_id", typ: "bytea"},
			{name: "command_id", typ: "character varying(256)"},
			{name: "fingerprint", typ: "bytea"},
			{name: "first_sequence", typ: "integer"},
			{name: "last_sequence", typ: "integer"},
			{name: "committed_at", typ: "timestamp with time zone", fillsIn: "now()"},
		},
		checks: []wantCheck{aggregateSize, {"command_id", "command_id <> ''", "CHECK (((command_id)::text <> ''::text))"}},
		keys: []wantKey{
			{name: "commands_pkey", columns: []string{"aggregate_id", "command_id"}, unique: true, primary: true},
			{name: "commands_committed_at_index", columns: []string{"committed_at"}, prefix: true},
		},
	}
}

// metBy reports whether one of the indexes does what the key asks.
func (k wantKey) metBy(indexes []index) bool {
	return slices.ContainsFunc(indexes, func(i index) bool {
		if k.unique && !i.Unique || k.primary && !i.Primary {
			return false
		}
		if k.prefix {
			return len(i.Columns) >= len(k.columns) && slices.Equal(i.Columns[:len(k.columns)], k.columns)
		}
		return slices.Equal(i.Columns, k.columns) || slices.ContainsFunc(k.or, func(or []string) bool {
			return slices.Equal(i.Columns, or)
		})
	})
}
