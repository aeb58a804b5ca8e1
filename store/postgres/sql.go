package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eventmaestro/maestro/internal/pgname"
)

// statements are the texts a Store sends. They differ between stores in the schema and the optional
// parts only, so that a connection's cache of prepared statements stays small.
type statements struct {
	// one and plain store all they are given or fail: one event, or any number with command records.
	one, plain string

	// careful stores those of several commits that nothing stands against, and tells the news of the
	// others; heads does so where each commit has one event.
	careful, heads string

	// news are the events from a sequence on, of several aggregates; from of one.
	news, from string

	load, events, snapshot, saveSnapshot           string
	list, rises, forget, setSnapshot, dropSnapshot string
	badText, taken, takenHere                      string
	lookup, prune, redact                          string
	routed                                         routedSQL
}

// lockTimeout sets the bound of lock waits for the rest of the transaction, which is the statement
// itself unless there is an outer one. As a part of the statement it costs no round trip and can't
// leak to whoever a proxy gives the connection to next.
const lockTimeout = `set_config('lock_timeout', $1::text, true)`

// lockTimeoutOr leaves the bound as it is where the parameter is empty.
const lockTimeoutOr = `set_config('lock_timeout', coalesce(nullif($1::text, ''), current_setting('lock_timeout')), true)`

// quiet is the advisory lock that every commit shares, so that one can have it alone; see
// [store.Excluder]. A commit in a transaction of the application, which sets no bound, does
// without: that transaction may take its time.
//
// If the process that has it alone freezes, or its network breaks, the server ends the session in
// half of the time that others wait for a lock, so that no commit of theirs fails. In the middle of
// a request only TCP notices, by its probes: a session that waits for the rest of a request is not
// idle.
const (
	quietKey = "7955820041246405486"
	quiet    = `CASE WHEN $1::text = '' THEN '' ELSE pg_advisory_xact_lock_shared(` + quietKey + `)::text END`
	quietSQL = `SELECT pg_advisory_xact_lock(CASE WHEN ` + lockTimeout + ` IS NOT NULL
AND (set_config('idle_in_transaction_session_timeout', $2::text, true) || set_config('tcp_user_timeout', $2::text, true)
|| set_config('tcp_keepalives_idle', '1', true) || set_config('tcp_keepalives_interval', '1', true)) IS NOT NULL THEN ` + quietKey + ` END)`
)

// guardMark begins what a guard raises: a cast that can't succeed is the only way to raise from
// plain SQL.
const guardMark = "maestro: "

// predecessor is true where the event before r is in the log, with the timestamp that r asks for.
// The subquery is a scalar one: as a join, or as EXISTS, the planner may read the whole table for
// it.
const predecessor = `(SELECT r.p = '' OR r.p = l."timestamp" FROM {log} l WHERE l.aggregate_id = r.a AND l.sequence = r.s - 1)`

// decidedOn is the same for a record q that comes without events.
const decidedOn = `(q.p IS NULL OR (SELECT q.p = l."timestamp" FROM {log} l WHERE l.aggregate_id = q.a AND l.sequence = q.y))`

// missing raises where an event has no predecessor. A text of nothing but constants the planner
// would cast itself.
const missing = `('{mark}no predecessor, ' || current_setting('lock_timeout'))::int4`

func newStatements(o Options) statements {
	// The schema's name was accepted with the options.
	log, _ := pgname.Qualified(o.Schema, "event_log")
	snapshots, _ := pgname.Qualified(o.Schema, "snapshots")
	commands, _ := pgname.Qualified(o.Schema, "commands")

	fill := strings.NewReplacer("{log}", log, "{snapshots}", snapshots, "{commands}", commands,
		"{timeout}", lockTimeout, "{timeout?}", lockTimeoutOr, "{quiet}", quiet, "{mark}", guardMark, "{limit}", strconv.Itoa(newsLimit)).Replace
	return statements{
		one:          fill(fill(oneSQL(o.Metadata))),
		plain:        fill(fill(plainSQL(o.Metadata, o.Commands))),
		careful:      fill(fill(carefulSQL(o.Metadata, o.Commands, true))),
		heads:        fill(fill(carefulSQL(o.Metadata, o.Commands, false))),
		news:         fill(newsSQL(o.Metadata)),
		from:         fill(fromSQL(o.Metadata)),
		load:         fill(loadSQL(o.Metadata)),
		events:       fill(eventsSQL(o.Metadata)),
		snapshot:     fill(snapshotSQL),
		saveSnapshot: fill(saveSnapshotSQL),
		badText:      badTextSQL,
		taken:        fill(takenSQL),
		takenHere:    fill(takenHereSQL),
		lookup:       fill(lookupSQL),
		prune:        fill(pruneSQL),
		redact:       fill(redactSQL(o.Metadata)),
		rises:        fill(risesSQL),
		list:         fill(listSQL),
		forget:       fill(forgetSQL),
		setSnapshot:  fill(setSnapshotSQL),
		dropSnapshot: fill(dropSnapshotSQL),
		routed:       newRoutedSQL(fill, o.Metadata),
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

// onConflict names the columns, never an index: on a partitioned table each partition's has a name
// of its own.
const onConflict = `ON CONFLICT (aggregate_id, sequence) DO NOTHING`

// oneSQL stores one event. The lock timeout is a part of an expression, as a function in FROM is
// slower.
func oneSQL(metadata bool) string {
	probe := strings.NewReplacer("r.p", "$7::bytea", "r.a", "$3::bytea", "r.s", "$4::int4").Replace(predecessor)
	values := `$2::bytea, $3::bytea, CASE WHEN ({timeout} || {quiet}) IS NOT NULL AND ($7::bytea IS NULL OR ` + probe + `) THEN $4::int4 ELSE ` +
		missing + ` END, $5::text, $6::text::jsonb`
	if metadata {
		values += `, nullif($8::text, '')::jsonb`
	}
	return insert(metadata) + " VALUES (" + values + ")"
}

// eventRows reads the rows of one set of event columns; extra are more of its columns. Functions in
// a SELECT list are taken step by step together, where one in FROM with several arrays writes all
// its rows into a store of its own first. The lock timeout, if there is one, is a part of an
// expression for the same reason.
func eventRows(p *parameters, metadata bool, timeout string) string {
	array := func(cast string) string { return "unnest(" + p.list(cast) + ")" }
	list := array("bytea[]") + " AS t, " + array("bytea[]") + " AS a, "
	if timeout == "" {
		list += array("int4[]") + " AS s, "
	} else {
		list += "unnest(CASE WHEN (" + timeout + " || {quiet}) IS NOT NULL THEN " + p.list("int4[]") + " END) AS s, "
	}
	list += array("text[]") + " AS y, " + array("text[]") + " AS b, " + array("bytea[]") + " AS p"
	if metadata {
		list += ", " + array("text[]") + " AS m"
	}
	return "SELECT " + list
}

// eventValues are what is stored of a row r, at a sequence.
func eventValues(metadata bool, sequence string) string {
	values := `r.t, r.a, ` + sequence + `, r.y, r.b::jsonb`
	if metadata {
		values += `, nullif(r.m, '')::jsonb`
	}
	return values
}

// recordRows reads the rows of command records. The last columns tell whether a record comes
// without events, and then what event it was decided on.
func recordRows(p *parameters) string {
	var arrays []string
	for _, cast := range []string{"bytea[]", "text[]", "bytea[]", "int4[]", "int4[]", "bool[]", "bytea[]"} {
		arrays = append(arrays, ofAnyLength(p.list(cast)))
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS q (a, id, f, x, y, bare, p)"
}

// ofAnyLength hides the length of an array from the planner. Where it sees a short one, a plan for
// just that seems cheaper to it than one for any, so that it makes a new plan for each call, which
// takes longer than to run it.
func ofAnyLength(array string) string { return "(SELECT " + array + ")" }

const insertRecords = `INSERT INTO {commands} (aggregate_id, command_id, fingerprint, first_sequence, last_sequence)
SELECT q.a, q.id, q.f, q.x, `

// plainSQL stores any number of events and, if there can be any, of command records. It raises for
// an event without its predecessor.
func plainSQL(metadata, commands bool) string {
	p := parameters(1) // $1 is the lock timeout
	events := insert(metadata) + " SELECT " +
		eventValues(metadata, "CASE WHEN r.p IS NULL OR "+predecessor+" THEN r.s ELSE "+missing+" END") +
		" FROM (" + eventRows(&p, metadata, "{timeout}") + ") AS r"
	if !commands {
		return events
	}
	return `WITH command AS (` + insertRecords + "CASE WHEN " + decidedOn + " THEN q.y ELSE " + missing + ` END FROM {timeout}, ` + recordRows(&p) + `) ` + events
}

// carefulSQL stores the first event of every commit, then the other events and the command records
// of those commits whose first event it could store. As sequences have no gaps, a first event that
// is stored says that the others are free: if one isn't, the guard raises and takes the whole
// statement back.
//
// Its rows are, with the columns of every read and the aggregate: one for the guard, which has
// neither; one for each commit that is stored, which has only that; and the news of the others:
// events from the predecessor on.
//
// Without tails no commit has a second event, which spares a small statement a fifth of its time.
func carefulSQL(metadata, commands, tails bool) string {
	p := parameters(1) // $1 is the lock timeout
	var b strings.Builder
	b.WriteString(`WITH h AS MATERIALIZED (` + eventRows(&p, metadata, "{timeout?}"))
	others := ""
	if tails {
		b.WriteString(`, unnest(` + p.list("int4[]") + `) AS n`)
		others = eventRows(&p, metadata, "")
	}
	b.WriteString(`),
`)
	headWhere, stored := " WHERE (r.p IS NULL OR "+predecessor+")", "SELECT aggregate_id FROM head"
	if commands {
		// used are the aggregates that bring a command ID which is in the table already; whether it is
		// there or comes there just now, the guard decides.
		b.WriteString(`asked AS MATERIALIZED (SELECT q.* FROM {timeout?}, ` + recordRows(&p) + `),
used AS MATERIALIZED (SELECT q.a FROM asked q WHERE (SELECT true FROM {commands} k WHERE k.aggregate_id = q.a AND k.command_id = q.id)),
`)
		headWhere += " AND r.a NOT IN (SELECT a FROM used)"
		stored += " UNION SELECT aggregate_id FROM command"
	}
	values := eventValues(metadata, "r.s")
	b.WriteString(`head AS (` + insert(metadata) + ` SELECT ` + values + ` FROM h r` + headWhere +
		` ` + onConflict + ` RETURNING aggregate_id),
`)
	var whole []string // what has to be so, else the guard raises
	if tails {
		b.WriteString(`tail AS (` + insert(metadata) + ` SELECT ` + values + ` FROM (` + others + `) AS r` +
			` WHERE r.a IN (SELECT aggregate_id FROM head) ` + onConflict + ` RETURNING aggregate_id),
`)
		whole = append(whole, `(SELECT count(*) FROM tail) = (SELECT coalesce(sum(h.n), 0) FROM h WHERE h.a IN (SELECT aggregate_id FROM head))`)
	}
	refused := `SELECT h.a, h.s - 1 AS s FROM h WHERE h.a NOT IN (SELECT aggregate_id FROM head)`
	if commands {
		refused += ` UNION SELECT q.a, q.y FROM asked q WHERE q.p IS NOT NULL AND q.a NOT IN (SELECT aggregate_id FROM command)`
		due := `FROM asked q WHERE q.a IN (SELECT aggregate_id FROM head) OR q.bare AND q.a NOT IN (SELECT a FROM used) AND ` + decidedOn
		b.WriteString(`command AS (` + insertRecords + "q.y " + due + ` ON CONFLICT (aggregate_id, command_id) DO NOTHING RETURNING aggregate_id),
`)
		whole = append(whole, `(SELECT count(*) FROM command) = (SELECT count(*) `+due+`)`)
	}
	b.WriteString(`stored AS (` + stored + `)
`)
	if len(whole) > 0 {
		b.WriteString(`SELECT NULL::bytea, CASE WHEN ` + strings.Join(whole, " AND ") + ` THEN 0 ELSE ('{mark}' || (SELECT count(*) FROM stored))::int4 END, ` + noEvent(metadata) + `, NULL::bytea
UNION ALL
`)
	}
	b.WriteString(`SELECT NULL::bytea, 0, ` + noEvent(metadata) + `, aggregate_id FROM stored
UNION ALL
` + newsOf(metadata, "("+refused+")"))
	return b.String()
}
