package postgres

import (
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/internal/pgname"
)

// statements are the texts a Store sends. They differ between stores in the schema and the optional parts only, so that
// a connection's cache of prepared statements stays small.
type statements struct {
	// single stores one event: its command tag counts it.
	single string

	// shared stores one event each of several aggregates and returns the ids of those stored.
	shared string

	// general stores whole commits and returns the ids of those stored, without and with command records.
	general, recorded string

	load, events, snapshot, saveSnapshot string
	conflict, badText, covers            string
	lookup, prune, redact                string
}

// lockTimeout sets the bound of lock waits for the rest of the transaction, which is
// the statement itself unless there is an outer one. As a part of the statement it costs no round trip
// and can't leak to whoever a proxy gives the connection to next. An empty parameter
// leaves the bound as it is.
const lockTimeout = `set_config('lock_timeout', coalesce(nullif($1::text, ''), current_setting('lock_timeout')), true)`

// guardMark begins what the guard of a general statement raises: a cast that can't succeed is the only way to
// raise from plain SQL.
const guardMark = "maestro: "

func newStatements(o Options) (statements, error) {
	log, err := pgname.Qualified(o.Schema, "event_log")
	if err != nil {
		return statements{}, fmt.Errorf("postgres: Options.Schema: %w", err)
	}
	// The prefix was accepted for the first name, so it is for the others.
	snapshots, _ := pgname.Qualified(o.Schema, "snapshots")
	commands, _ := pgname.Qualified(o.Schema, "commands")

	fill := strings.NewReplacer("{log}", log, "{snapshots}", snapshots, "{commands}", commands,
		"{timeout}", lockTimeout, "{mark}", guardMark).Replace
	return statements{
		single:       fill(singleSQL(o.Metadata)),
		shared:       fill(sharedSQL(o.Metadata)),
		general:      fill(generalSQL(o.Metadata, false)),
		recorded:     fill(generalSQL(o.Metadata, true)),
		load:         fill(loadSQL(o.Metadata)),
		events:       fill(eventsSQL(o.Metadata)),
		snapshot:     fill(snapshotSQL),
		saveSnapshot: fill(saveSnapshotSQL),
		conflict:     fill(conflictSQL),
		badText:      badTextSQL,
		covers:       coversSQL,
		lookup:       fill(lookupSQL),
		prune:        fill(pruneSQL),
		redact:       fill(redactSQL),
	}, nil
}

// parameters numbers the parameters of a statement as it is written.
type parameters int

func (p *parameters) next(cast string) string {
	*p++
	return fmt.Sprintf("$%d::%s", *p, cast)
}

func (p *parameters) list(casts ...string) string {
	list := make([]string, len(casts))
	for i, cast := range casts {
		list[i] = p.next(cast)
	}
	return strings.Join(list, ", ")
}

// insert is the beginning of every statement that stores events.
func insert(metadata bool) string {
	if metadata {
		return `INSERT INTO {log} ("timestamp", aggregate_id, sequence, type, body, metadata)`
	}
	return `INSERT INTO {log} ("timestamp", aggregate_id, sequence, type, body)`
}

// onConflict names the columns, never an index: on a partitioned table each partition's has a name of its own.
const onConflict = `ON CONFLICT (aggregate_id, sequence) DO NOTHING`

func singleSQL(metadata bool) string {
	p := parameters(1) // $1 is the lock timeout
	values := p.list("bytea", "bytea", "int4", "text", "text") + "::jsonb"
	if metadata {
		values += ", nullif(" + p.next("text") + ", '')::jsonb"
	}
	return insert(metadata) + " SELECT " + values + " FROM {timeout} " + onConflict
}

// eventRows reads the rows of one set of event columns.
func eventRows(p *parameters, metadata bool) (columns, from string) {
	columns = `r.t, r.a, r.s, r.y, r.b::jsonb`
	arrays, names := p.list("bytea[]", "bytea[]", "int4[]", "text[]", "text[]"), "t, a, s, y, b"
	if metadata {
		columns += `, nullif(r.m, '')::jsonb`
		arrays, names = arrays+", "+p.next("text[]"), names+", m"
	}
	return columns, "unnest(" + arrays + ") AS r (" + names + ")"
}

func sharedSQL(metadata bool) string {
	p := parameters(1)
	columns, from := eventRows(&p, metadata)
	return insert(metadata) + " SELECT " + columns + " FROM {timeout}, " + from + " " + onConflict + " RETURNING aggregate_id"
}

// generalSQL stores the first event of every commit, then the other events and the command records of those commits
// whose first event it could store. As sequences have no gaps, a first event that is stored says that the others are free:
// if one isn't, the guard raises and takes the whole statement back. So it does where $2, strict,
// is true and any commit was not stored.
func generalSQL(metadata, commands bool) string {
	p := parameters(2) // $1 the lock timeout, $2 strict
	commits := "unnest(" + p.list("bytea[]", "int4[]") + ") AS c (a, tails)"
	headColumns, headFrom := eventRows(&p, metadata)
	tailColumns, tailFrom := eventRows(&p, metadata)

	var b strings.Builder
	b.WriteString("WITH ")
	headWhere, stored := "", "SELECT aggregate_id FROM head"
	if commands {
		from := "unnest(" + p.list("bytea[]", "text[]", "bytea[]", "int4[]", "int4[]", "bool[]") + ") AS q (a, id, f, x, y, bare)"
		// used are the aggregates that bring a command ID which is in the table already; whether it is there or
		// comes there just now, the guard decides.
		b.WriteString(`asked AS MATERIALIZED (SELECT q.* FROM {timeout}, ` + from + `),
used AS MATERIALIZED (SELECT q.a FROM asked q JOIN {commands} k ON k.aggregate_id = q.a AND k.command_id = q.id),
`)
		headWhere = " WHERE r.a NOT IN (SELECT a FROM used)"
		stored += " UNION SELECT aggregate_id FROM command"
	}
	b.WriteString(`head AS (` + insert(metadata) + ` SELECT ` + headColumns + ` FROM {timeout}, ` + headFrom + headWhere +
		` ` + onConflict + ` RETURNING aggregate_id),
tail AS (` + insert(metadata) + ` SELECT ` + tailColumns + ` FROM ` + tailFrom +
		` WHERE r.a IN (SELECT aggregate_id FROM head) ` + onConflict + ` RETURNING aggregate_id),
`)
	whole := `(SELECT count(*) FROM tail) = (SELECT coalesce(sum(c.tails), 0) FROM ` + commits + ` WHERE c.a IN (SELECT aggregate_id FROM head))`
	if commands {
		due := `FROM asked q WHERE q.a IN (SELECT aggregate_id FROM head) OR q.bare AND q.a NOT IN (SELECT a FROM used)`
		b.WriteString(`command AS (INSERT INTO {commands} (aggregate_id, command_id, fingerprint, first_sequence, last_sequence)
SELECT q.a, q.id, q.f, q.x, q.y ` + due + ` ON CONFLICT (aggregate_id, command_id) DO NOTHING RETURNING aggregate_id),
`)
		whole += ` AND (SELECT count(*) FROM command) = (SELECT count(*) ` + due + `)`
	}
	b.WriteString(`stored AS (` + stored + `)
SELECT (SELECT array_agg(aggregate_id) FROM stored),
CASE WHEN ` + whole + ` AND (NOT $2::bool OR (SELECT count(*) FROM stored) = coalesce(cardinality($3::bytea[]), 0)) THEN 0
ELSE ('{mark}' || coalesce((SELECT string_agg(encode(c.a, 'hex'), ' ') FROM ` + commits + ` WHERE c.a NOT IN (SELECT aggregate_id FROM stored)), ''))::int4 END`)
	return b.String()
}
