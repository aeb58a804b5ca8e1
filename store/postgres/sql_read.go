package postgres

import "github.com/eventmaestro/maestro/store"

// Every read of events has the columns timestamp, sequence, type, body and, if there is one,
// metadata; a row without a timestamp is the snapshot. $1 is the aggregate, $2 and $3 are the
// range.

func eventColumns(metadata bool) string {
	if metadata {
		return `e."timestamp", e.sequence, e.type, e.body, e.metadata`
	}
	return `e."timestamp", e.sequence, e.type, e.body`
}

func eventsSQL(metadata bool) string {
	return `SELECT ` + eventColumns(metadata) + ` FROM {log} e
WHERE e.aggregate_id = $1::bytea AND e.sequence > $2::int4 AND e.sequence <= $3::int4 ORDER BY e.sequence`
}

// loadSQL reads snapshot and events in one statement, and so from one view of the database. The
// order of the events is that of their index; an ORDER BY around both parts would sort them once
// more, and would send nothing before it has read all. That the parts come one after the other is
// what Postgres does, not what SQL promises, so the reader checks it. Their columns have exactly
// the same types: else both plans get worse.
func loadSQL(metadata bool) string {
	snapshot := `NULL::bytea, s.sequence, NULL::character varying(256), s.body`
	if metadata {
		snapshot += `, NULL::jsonb`
	}
	return `WITH s AS MATERIALIZED (SELECT sequence, body FROM {snapshots}
WHERE aggregate_id = $1::bytea AND sequence > $2::int4 AND sequence <= $3::int4)
SELECT ` + snapshot + ` FROM s
UNION ALL
(SELECT ` + eventColumns(metadata) + ` FROM {log} e
WHERE e.aggregate_id = $1::bytea AND e.sequence > coalesce((SELECT sequence - 1 FROM s), $2::int4) AND e.sequence <= $3::int4
ORDER BY e.sequence)`
}

const snapshotSQL = `SELECT sequence, body FROM {snapshots}
WHERE aggregate_id = $1::bytea AND sequence > $2::int4 AND sequence <= $3::int4`

// generationOf is a snapshot's generation, 0 where there is none; see store.Mark.
func generationOf(body string) string {
	path := `(` + body + ` #> '{` + store.MarkKey + `,generation}')`
	return `(CASE WHEN jsonb_typeof` + path + ` = 'number' THEN ` + path + `::numeric ELSE 0 END)`
}

// saveSnapshotSQL stores a snapshot unless there is a newer one, and tells whether the log has the
// event that it is marked with. $1 to $3 are the snapshot.
var saveSnapshotSQL = `WITH given AS (SELECT b.body, b.body #>> '{` + store.MarkKey + `,at}' AS stamp FROM (SELECT $3::text::jsonb AS body) AS b),
anchored AS MATERIALIZED (SELECT given.body FROM given WHERE given.stamp IS NULL OR EXISTS (SELECT FROM {log} e
WHERE e.aggregate_id = $1::bytea AND e.sequence = $2::int4 AND encode(e."timestamp", 'hex') = given.stamp)),
saved AS (INSERT INTO {snapshots} AS s (aggregate_id, sequence, body)
SELECT $1::bytea, $2::int4, anchored.body FROM anchored
ON CONFLICT (aggregate_id) DO UPDATE SET sequence = excluded.sequence, body = excluded.body
WHERE (` + generationOf("excluded.body") + `, excluded.sequence) > (` + generationOf("s.body") + `, s.sequence)
OR (` + generationOf("excluded.body") + `, excluded.sequence) = (` + generationOf("s.body") + `, s.sequence) AND excluded.body <> s.body)
SELECT count(*) FROM anchored`

// listSQL is a page of the ids in the log. PostgreSQL has no plan that skips the other events of an
// aggregate; the recursion does.
const listSQL = `WITH RECURSIVE page (id, n) AS (
(SELECT aggregate_id, 1 FROM {log} WHERE aggregate_id > $1::bytea ORDER BY aggregate_id LIMIT 1)
UNION ALL SELECT (SELECT l.aggregate_id FROM {log} l WHERE l.aggregate_id > page.id ORDER BY l.aggregate_id LIMIT 1), page.n + 1
FROM page WHERE page.id IS NOT NULL AND page.n < $2::int8)
SELECT id FROM page WHERE id IS NOT NULL ORDER BY id`

// risesSQL tells whether the timestamps of a range rise with the sequences.
const risesSQL = `SELECT coalesce(bool_and(r.rises), true) FROM (SELECT "timestamp" > lag("timestamp") OVER (ORDER BY sequence) AS rises
FROM {log} WHERE aggregate_id = $1::bytea AND sequence > $2::int4 AND sequence <= $3::int4) AS r`

// newsLimit is how many events of an aggregate come with the refusal of a commit, at most.
const newsLimit = 100

// noEvent are the columns from type on of a row that is no event.
func noEvent(metadata bool) string {
	columns := `NULL::character varying(256), NULL::jsonb`
	if metadata {
		columns += `, NULL::jsonb`
	}
	return columns
}

// newsOf reads some events of each aggregate in k, which has its id and the first sequence. The id
// is the last column.
func newsOf(metadata bool, k string) string {
	return `SELECT e.*, k.a FROM ` + k + ` AS k JOIN LATERAL (SELECT ` + eventColumns(metadata) + ` FROM {log} e
WHERE e.aggregate_id = k.a AND e.sequence >= k.s ORDER BY e.sequence LIMIT {limit}) AS e ON true`
}

func newsSQL(metadata bool) string {
	return newsOf(metadata, `(SELECT unnest(`+ofAnyLength(`$1::bytea[]`)+`) AS a, unnest(`+ofAnyLength(`$2::int4[]`)+`) AS s)`)
}

func fromSQL(metadata bool) string {
	return `SELECT ` + eventColumns(metadata) + ` FROM {log} e
WHERE e.aggregate_id = $1::bytea AND e.sequence >= $2::int4 ORDER BY e.sequence LIMIT {limit}`
}

// badTextSQL fails where one of the texts is not a jsonb.
const badTextSQL = `SELECT count(*) FROM unnest($1::text[]) AS r (b) WHERE r.b::jsonb IS NULL`

// takenSQL tells whether the log has one of the timestamps, takenHereSQL whether an aggregate has.
const (
	takenSQL     = `SELECT EXISTS (SELECT FROM {log} WHERE "timestamp" = ANY ($1::bytea[]))`
	takenHereSQL = `SELECT count(*) > 0 FROM {log} WHERE aggregate_id = $2::bytea AND "timestamp" = ANY ($1::bytea[])`
)

const lookupSQL = `SELECT fingerprint, first_sequence, last_sequence FROM {commands}
WHERE aggregate_id = $1::bytea AND command_id = $2::text`

const pruneSQL = `DELETE FROM {commands} WHERE committed_at < $1::timestamptz`

// redactSQL gives events other bodies, and other metadata where there is any, and returns their
// sequences.
func redactSQL(metadata bool) string {
	set, from := `body = r.b::jsonb`, `unnest($2::int4[], $3::text[]) AS r (s, b)`
	if metadata {
		set += `, metadata = nullif(r.m, '')::jsonb`
		from = `unnest($2::int4[], $3::text[], $4::text[]) AS r (s, b, m)`
	}
	return `WITH redacted AS (UPDATE {log} AS e SET ` + set + ` FROM ` + from + `
WHERE e.aggregate_id = $1::bytea AND e.sequence = r.s RETURNING e.sequence)
SELECT coalesce(array_agg(sequence), '{}') FROM redacted`
}

const forgetSQL = `DELETE FROM {commands} WHERE aggregate_id = $1::bytea`

const dropSnapshotSQL = `DELETE FROM {snapshots} WHERE aggregate_id = $1::bytea AND sequence >= $2::int4`

// setSnapshotSQL stores a snapshot of a later generation, whatever its sequence is.
var setSnapshotSQL = `INSERT INTO {snapshots} AS s (aggregate_id, sequence, body) VALUES ($1::bytea, $2::int4, $3::text::jsonb)
ON CONFLICT (aggregate_id) DO UPDATE SET sequence = excluded.sequence, body = excluded.body
WHERE ` + generationOf("excluded.body") + ` > ` + generationOf("s.body")
