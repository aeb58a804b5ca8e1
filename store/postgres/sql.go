package postgres

import (
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/internal/pgname"
)

// statements are the texts a Store sends. They differ between stores in the schema and the optional parts only, so that
// a connection's cache of prepared statements stays small.
type statements struct {
	// plainOne and plain store all they are given or fail: one event, or any number. plainRecorded stores
	// command records too.
	plainOne, plain, plainRecorded string

	// single stores one event, unless it is in conflict: its command tag counts it.
	single string

	// shared stores those of several events that are not in conflict and returns the ids of their aggregates.
	shared string

	// general stores those of several commits that are not in conflict and returns their ids, without and with command records.
	general, recorded string

	load, events, snapshot, saveSnapshot string
	conflict, badText, covers            string
	lookup, prune, redact                string
}

// lockTimeout sets the bound of lock waits for the rest of the transaction, which is
// the statement itself unless there is an outer one. As a part of the statement it costs no round trip
// and can't leak to whoever a proxy gives the connection to next.
const lockTimeout = `set_config('lock_timeout', $1::text, true)`

// lockTimeoutOr leaves the bound as it is where the parameter is empty.
const lockTimeoutOr = `set_config('lock_timeout', coalesce(nullif($1::text, ''), current_setting('lock_timeout')), true)`

// guardMark begins what the guard of a general statement raises: a cast that can't succeed is the only way to
// raise from plain SQL.
const guardMark = "maestro: "

func newStatements(o Options) statements {
	// The schema's name was accepted with the options.
	log, _ := pgname.Qualified(o.Schema, "event_log")
	snapshots, _ := pgname.Qualified(o.Schema, "snapshots")
	commands, _ := pgname.Qualified(o.Schema, "commands")

	fill := strings.NewReplacer("{log}", log, "{snapshots}", snapshots, "{commands}", commands,
		"{timeout}", lockTimeout, "{timeout?}", lockTimeoutOr, "{mark}", guardMark).Replace
	return statements{
		plainOne:      fill(oneSQL(o.Metadata)),
		plain:         fill(plainSQL(o.Metadata)),
		plainRecorded: fill(plainRecordedSQL(o.Metadata)),
		single:        fill(oneSQL(o.Metadata) + " " + onConflict),
		shared:        fill(plainSQL(o.Metadata) + " " + onConflict + " RETURNING aggregate_id"),
		general:       fill(generalSQL(o.Metadata, false)),
		recorded:      fill(generalSQL(o.Metadata, true)),
		load:          fill(loadSQL(o.Metadata)),
		events:        fill(eventsSQL(o.Metadata)),
		snapshot:      fill(snapshotSQL),
		saveSnapshot:  fill(saveSnapshotSQL),
		conflict:      fill(conflictSQL),
		badText:       badTextSQL,
		covers:        coversSQL,
		lookup:        fill(lookupSQL),
		prune:         fill(pruneSQL),
		redact:        fill(redactSQL),
	}
}

// parameters numbers the parameters of a statement as it is written.
type parameters int

func (p *parameters) list(casts ...string) string {
	list := make([]string, len(casts))
	for i, cast := range casts {
		*p++
		list[i] = fmt.Sprintf("$%d::%s", *p, cast)
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

// oneSQL stores one event. The lock timeout is a part of an expression, as a function in FROM is slower.
func oneSQL(metadata bool) string {
	p := parameters(1) // $1 is the lock timeout
	values := p.list("bytea", "bytea") + ", CASE WHEN {timeout} IS NOT NULL THEN " + p.list("int4") + " END, " +
		p.list("text", "text") + "::jsonb"
	if metadata {
		values += ", nullif(" + p.list("text") + ", '')::jsonb"
	}
	return insert(metadata) + " VALUES (" + values + ")"
}

// eventRows reads the rows of one set of event columns. Functions in a SELECT list are taken step by step together, where one
// in FROM with several arrays writes all its rows into a store of its own first. The lock timeout, if there is one, is a part
// of an expression for the same reason.
func eventRows(p *parameters, metadata bool, timeout string) (columns, from string) {
	columns = `r.t, r.a, r.s, r.y, r.b::jsonb`
	array := func(cast string) string { return "unnest(" + p.list(cast) + ")" }
	list := array("bytea[]") + " AS t, " + array("bytea[]") + " AS a, "
	if timeout == "" {
		list += array("int4[]") + " AS s, "
	} else {
		list += "unnest(CASE WHEN " + timeout + " IS NOT NULL THEN " + p.list("int4[]") + " END) AS s, "
	}
	list += array("text[]") + " AS y, " + array("text[]") + " AS b"
	if metadata {
		columns += `, nullif(r.m, '')::jsonb`
		list += ", " + array("text[]") + " AS m"
	}
	return columns, "(SELECT " + list + ") AS r"
}

// plainSQL stores any number of events.
func plainSQL(metadata bool) string {
	p := parameters(1)
	columns, from := eventRows(&p, metadata, "{timeout}")
	return insert(metadata) + " SELECT " + columns + " FROM " + from
}

// recordRows reads the rows of command records. The last column tells whether a record comes without events.
func recordRows(p *parameters) string {
	return "unnest(" + p.list("bytea[]", "text[]", "bytea[]", "int4[]", "int4[]", "bool[]") + ") AS q (a, id, f, x, y, bare)"
}

const insertRecords = `INSERT INTO {commands} (aggregate_id, command_id, fingerprint, first_sequence, last_sequence)
SELECT q.a, q.id, q.f, q.x, q.y `

// plainRecordedSQL stores any number of events and of command records.
func plainRecordedSQL(metadata bool) string {
	events := plainSQL(metadata)
	p := parameters(6)
	if metadata {
		p++
	}
	return `WITH command AS (` + insertRecords + `FROM {timeout}, ` + recordRows(&p) + `) ` + events
}

// generalSQL stores the first event of every commit, then the other events and the command records of those commits
// whose first event it could store. As sequences have no gaps, a first event that is stored says that the others are free:
// if one isn't, the guard raises and takes the whole statement back. So it does where $2, strict,
// is true and any commit was not stored.
func generalSQL(metadata, commands bool) string {
	p := parameters(2) // $1 the lock timeout, $2 strict
	commits := "unnest(" + p.list("bytea[]", "int4[]") + ") AS c (a, tails)"
	headColumns, headFrom := eventRows(&p, metadata, "{timeout?}")
	tailColumns, tailFrom := eventRows(&p, metadata, "")

	var b strings.Builder
	b.WriteString("WITH ")
	headWhere, stored := "", "SELECT aggregate_id FROM head"
	if commands {
		// used are the aggregates that bring a command ID which is in the table already; whether it is there or
		// comes there just now, the guard decides.
		b.WriteString(`asked AS MATERIALIZED (SELECT q.* FROM {timeout?}, ` + recordRows(&p) + `),
used AS MATERIALIZED (SELECT q.a FROM asked q JOIN {commands} k ON k.aggregate_id = q.a AND k.command_id = q.id),
`)
		headWhere = " WHERE r.a NOT IN (SELECT a FROM used)"
		stored += " UNION SELECT aggregate_id FROM command"
	}
	b.WriteString(`head AS (` + insert(metadata) + ` SELECT ` + headColumns + ` FROM ` + headFrom + headWhere +
		` ` + onConflict + ` RETURNING aggregate_id),
tail AS (` + insert(metadata) + ` SELECT ` + tailColumns + ` FROM ` + tailFrom +
		` WHERE r.a IN (SELECT aggregate_id FROM head) ` + onConflict + ` RETURNING aggregate_id),
`)
	whole := `(SELECT count(*) FROM tail) = (SELECT coalesce(sum(c.tails), 0) FROM ` + commits + ` WHERE c.a IN (SELECT aggregate_id FROM head))`
	if commands {
		due := `FROM asked q WHERE q.a IN (SELECT aggregate_id FROM head) OR q.bare AND q.a NOT IN (SELECT a FROM used)`
		b.WriteString(`command AS (` + insertRecords + due + ` ON CONFLICT (aggregate_id, command_id) DO NOTHING RETURNING aggregate_id),
`)
		whole += ` AND (SELECT count(*) FROM command) = (SELECT count(*) ` + due + `)`
	}
	b.WriteString(`stored AS (` + stored + `)
SELECT (SELECT array_agg(aggregate_id) FROM stored),
CASE WHEN ` + whole + ` AND (NOT $2::bool OR (SELECT count(*) FROM stored) = coalesce(cardinality($3::bytea[]), 0)) THEN 0
ELSE ('{mark}' || coalesce((SELECT string_agg(encode(c.a, 'hex'), ' ') FROM ` + commits + ` WHERE c.a NOT IN (SELECT aggregate_id FROM stored)), ''))::int4 END`)
	return b.String()
}
