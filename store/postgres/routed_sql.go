package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// The statements for a Postgres that spreads its tables over servers by aggregate_id. Each names
// one aggregate, as a plain parameter, and has its rows in VALUES: so the coordinator hands it
// whole to the one server that has the aggregate. Arrays, subqueries and rows of a SELECT it would
// first gather itself.

// routedSQL are the texts; the rest is made for the number of rows.
type routedSQL struct {
	guard, events, commands string
	metadata                bool

	few [preparedRows + 1]string // the statements for so many events
}

func newRoutedSQL(fill func(string) string, metadata bool) routedSQL {
	r := routedSQL{
		guard:    fill(routedGuardSQL),
		events:   fill(insert(metadata)) + " VALUES ",
		commands: fill(`INSERT INTO {commands} (aggregate_id, command_id, fingerprint, first_sequence, last_sequence) VALUES `),
		metadata: metadata,
	}
	for n := range r.few {
		r.few[n] = r.eventsText(n)
	}
	return r
}

// eventsText is the statement for n events.
func (r *routedSQL) eventsText(n int) string {
	row, each := "($%d::bytea, $1::bytea, $%d::int4, $%d::text, $%d::text::jsonb", 4
	if r.metadata {
		row, each = row+", nullif($%d::text, '')::jsonb", 5
	}
	return r.events + rows(row+")", each, n)
}

// routedGuardSQL raises where the event before a commit is not in the log, with the timestamp $3
// where that is not empty.
const routedGuardSQL = `SELECT CASE count(*) WHEN 1 THEN 0 ELSE ('{mark}no predecessor, ' || count(*))::int4 END FROM {log}
WHERE aggregate_id = $1::bytea AND sequence = $2::int4 AND ($3::bytea = '' OR "timestamp" = $3::bytea)`

// statement is one of a commit's, with arguments that are []byte, int32 or string, and how many
// rows it stores.
type statement struct {
	sql    string
	args   []any
	rows   int64
	unless string // the clause that leaves rows out which are there
}

// statements are those that store c; the first raises where c has no predecessor. Where any of the
// rows may be there already and an error must not come of it, taken leaves it out.
func (s *Store) statements(c *store.Commit, taken bool) []statement {
	list := make([]statement, 0, 3)
	if len(c.Events) > 0 {
		if first := c.Events[0].Sequence; first > 1 {
			before := []byte{}
			if !c.Predecessor.IsZero() {
				before = c.Predecessor[:]
			}
			list = append(list, statement{sql: s.sql.routed.guard, args: []any{c.AggregateID[:], int32(first - 1), before}})
		}
		for events := range slices.Chunk(c.Events, manyRows) {
			list = append(list, s.sql.routed.store(c.AggregateID, events))
		}
	}
	if len(c.Events) == 0 && !c.Predecessor.IsZero() && c.Commands[0].After > 0 {
		list = append(list, statement{sql: s.sql.routed.guard, args: []any{c.AggregateID[:], int32(c.Commands[0].After), c.Predecessor[:]}})
	}
	if len(c.Commands) > 0 {
		list = append(list, s.sql.routed.record(c))
	}
	for i := range list {
		if taken && list[i].rows > 0 {
			list[i].sql += list[i].unless
		}
	}
	return list
}

// store is the statement for events of an aggregate.
func (r *routedSQL) store(id hlc.Timestamp, events []types.Event) statement {
	args := append(make([]any, 0, 1+5*len(events)), id[:])
	for i := range events {
		e := &events[i]
		args = append(args, e.Timestamp[:], int32(e.Sequence), e.Type, string(e.Body))
		if r.metadata {
			args = append(args, metadataText(e.Metadata))
		}
	}
	var text string
	if n := len(events); n < len(r.few) {
		text = r.few[n]
	} else {
		text = r.eventsText(n)
	}
	return statement{text, args, int64(len(events)), " " + onConflict}
}

// record is the statement for the command records of c.
func (r *routedSQL) record(c *store.Commit) statement {
	args := append(make([]any, 0, 1+4*len(c.Commands)), c.AggregateID[:])
	for i := range c.Commands {
		record := &c.Commands[i]
		args = append(args, record.ID, record.Fingerprint[:], int32(record.After+1), int32(record.Last))
	}
	sql := r.commands + rows("($1::bytea, $%d::text, $%d::bytea, $%d::int4, $%d::int4)", 4, len(c.Commands))
	return statement{sql, args, int64(len(c.Commands)), " ON CONFLICT (aggregate_id, command_id) DO NOTHING"}
}

// rows are n rows of VALUES whose parameters, so many each, are numbered from 2 on.
func rows(row string, each, n int) string {
	var b strings.Builder
	numbers := make([]any, each)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		for k := range numbers {
			numbers[k] = 2 + i*each + k
		}
		fmt.Fprintf(&b, row, numbers...)
	}
	return b.String()
}
