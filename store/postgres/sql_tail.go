package postgres

import (
	"strings"

	"github.com/eventmaestro/maestro/internal/pgname"
)

// tailStatements are the texts a Tail sends.
type tailStatements struct {
	admit, foreign           string
	rows, lock, again        string
	insert, save             string
	finish, remove, stop     string
	window, sweep, first     string
	predecessors             string
	bound, followers, some   string
	progress                 string
	renumber, since, earlier string
	log, tails               string
}

// A part of a tail has the aggregates whose id hashes to it. SHA-256 is the same on every server
// and in Go.
const partSQL = `($2::int4 = 1 OR get_byte(sha256(e.aggregate_id), 0) % $2::int4 = $3::int4)`

const (
	// placeColumns are what a place is read from, and where the server is in its time.
	placeColumns = `t.round, t.part, t.parts, t.types, coalesce(t.cluster, ''), t.seen::text, t.until::text, t.stop::text,
t.after_aggregate, t.after_sequence, t.known, t.delivered, t.saved_at`

	serverColumns = `pg_current_snapshot()::text, (SELECT system_identifier::text FROM pg_control_system())`

	// startedSQL tells one server from another, also from a copy of it.
	startedSQL = `pg_postmaster_start_time()::text`

	// Rows that have a stop are of an earlier round: they come first, and nothing of a later one
	// before they are gone.
	tailLockSQL = `SELECT ` + placeColumns + `, ` + serverColumns + `, ` + startedSQL + `, {reached} FROM {tails} t
WHERE t.name = $1::text AND (t.stop IS NOT NULL OR t.parts = $2::int4 AND t.part = $3::int4
	AND NOT EXISTS (SELECT FROM {tails} o WHERE o.name = $1::text AND o.stop IS NOT NULL))
ORDER BY t.stop IS NULL, t.round LIMIT 1 FOR UPDATE OF t SKIP LOCKED`

	tailRowsSQL = `SELECT ` + placeColumns + ` FROM {tails} t WHERE t.name = $1::text ORDER BY t.round, t.part`

	tailInsertSQL = `INSERT INTO {tails} (name, round, part, parts, types, cluster, seen, until, known, delivered)
SELECT $1::text, $2::int4, p, $3::int4, $4::text[], (SELECT system_identifier::text FROM pg_control_system()),
	$5::text::pg_snapshot, $6::text::pg_snapshot, $7::bool, CASE p WHEN 0 THEN $8::int8 ELSE 0 END
FROM generate_series(0, $3::int4 - 1) AS p`

	// tailAgainSQL takes the place that the transaction before this one on the connection had.
	tailAgainSQL = `SELECT ` + placeColumns + ` FROM {tails} t
WHERE t.name = $1::text AND t.round = $2::int4 AND t.part = $3::int4 FOR UPDATE SKIP LOCKED`

	// Without a row the division fails, and with it the COMMIT that was sent behind.
	tailSaveSQL = `WITH saved AS (UPDATE {tails} SET cluster = $4::text, seen = $5::text::pg_snapshot, until = $6::text::pg_snapshot,
after_aggregate = $7::bytea, after_sequence = $8::int4, known = $9::bool, delivered = $10::int8, saved_at = clock_timestamp()
WHERE name = $1::text AND round = $2::int4 AND part = $3::int4 RETURNING part)
SELECT 1 / count(*) FROM saved`

	// A place that is at its stop goes, and the first of the next round counts on for it.
	tailFinishSQL = `WITH gone AS (DELETE FROM {tails} WHERE name = $1::text AND round = $2::int4 AND part = $3::int4)
UPDATE {tails} SET delivered = delivered + $4::int8
WHERE name = $1::text AND part = 0 AND round = (SELECT max(round) FROM {tails} WHERE name = $1::text)`

	tailStopSQL = `UPDATE {tails} SET stop = $2::text::pg_snapshot WHERE name = $1::text AND stop IS NULL`

	tailAdmitSQL = `SELECT pg_is_in_recovery(), to_regclass($1::text) IS NOT NULL,
EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass($1::text) AND attname = 'transaction_id'
	AND atttypid = 'pg_catalog.xid8'::regtype AND atthasdef),
to_regclass($2::text) IS NOT NULL,
to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL, version()`

	tailDistributedSQL = `SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass($1::text))`

	// tailForeignSQL finds numbers that this server has not given out yet: they came with a restore.
	tailForeignSQL = `SELECT EXISTS (SELECT FROM {log} WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot()))`

	// What a window reads. $1: types or NULL, $2 and $3: the part; what is of another type comes
	// without its body, for the order within aggregates goes through it. The list is a query of its
	// own so that it is read once and not for each row.
	tailWindowSQL = `(SELECT {columns} FROM {log} e
WHERE e.transaction_id = ANY ($4::text::xid8[]) AND ` + partSQL + ` ORDER BY e.transaction_id LIMIT $8::int8)
UNION ALL
(SELECT {columns} FROM {log} e
WHERE e.transaction_id >= $5::text::xid8 AND e.transaction_id < $6::text::xid8 AND e.transaction_id <> ALL ((SELECT $7::text::xid8[])::xid8[]) AND ` + partSQL + `
ORDER BY e.transaction_id LIMIT $8::int8)`

	sweepSQL = ` AND ` + partSQL + ` AND ($1::text[] IS NULL OR e.type = ANY ($1::text[]))
AND (e.aggregate_id, e.sequence) > ($8::bytea, $9::int4) ORDER BY e.aggregate_id, e.sequence LIMIT $10::int8`

	// A window that is too large to be sorted in one go is swept in the order of its events.
	tailSweepSQL = `SELECT {columns} FROM {log} e
WHERE (e.transaction_id >= $4::text::xid8 OR e.transaction_id = ANY ($5::text::xid8[]))
AND e.transaction_id < $6::text::xid8 AND e.transaction_id <> ALL ($7::text::xid8[])` + sweepSQL

	// The first window also has the events from before there were numbers.
	tailFirstSQL = `SELECT {columns} FROM {log} e
WHERE (e.transaction_id IS NULL OR e.transaction_id >= $4::text::xid8 AND e.transaction_id <> ALL ($5::text::xid8[])
AND e.transaction_id < $6::text::xid8 AND e.transaction_id <> ALL ($7::text::xid8[]))` + sweepSQL

	// tailPredecessorsSQL returns which of the events, given by aggregate and sequence, a snapshot
	// does not show.
	tailPredecessorsSQL = `SELECT p.n FROM unnest($1::bytea[], $2::int4[]) WITH ORDINALITY AS p (aggregate_id, sequence, n)
JOIN {log} e ON e.aggregate_id = p.aggregate_id AND e.sequence = p.sequence
WHERE e.transaction_id >= $3::text::xid8 OR e.transaction_id = ANY ($4::text::xid8[])`

	// tailBoundSQL is the number behind so many events.
	tailBoundSQL = `SELECT e.transaction_id::text FROM {log} e
WHERE e.transaction_id < $1::text::xid8 AND e.transaction_id >= $4::text::xid8 AND ` + partSQL + ` ORDER BY e.transaction_id OFFSET $5::int8 LIMIT 1`

	// shownSQL are the events between two snapshots.
	shownSQL = `(e.transaction_id >= $4::text::xid8 OR e.transaction_id = ANY ($5::text::xid8[]))
AND e.transaction_id < $1::text::xid8 AND e.transaction_id <> ALL ($6::text::xid8[]) AND ` + partSQL

	tailSomeSQL = `SELECT EXISTS (SELECT FROM {log} e WHERE ` + shownSQL + `)`

	// tailFollowersSQL are the transactions between two snapshots with an event that follows one which
	// the second does not show.
	tailFollowersSQL = `SELECT DISTINCT e.transaction_id::text
FROM {log} e JOIN {log} p ON p.aggregate_id = e.aggregate_id AND p.sequence = e.sequence - 1
WHERE ` + shownSQL + ` AND (p.transaction_id >= $1::text::xid8 OR p.transaction_id = ANY ($6::text::xid8[]))`

	tailProgressSQL = `SELECT count(*), coalesce(min(encode(e."timestamp", 'hex')), '') FROM {log} e
WHERE ($4::bool OR e.transaction_id >= $5::text::xid8 OR e.transaction_id = ANY ($6::text::xid8[]))
AND ($7::bytea IS NULL OR e.transaction_id >= $9::text::xid8 OR e.transaction_id = ANY ($10::text::xid8[])
	OR (e.aggregate_id, e.sequence) > ($7::bytea, $8::int4))
AND ` + partSQL + ` AND ($1::text[] IS NULL OR e.type = ANY ($1::text[]))`

	// Under its own snapshot a transaction sees rows whose numbers it should not see: they are not of
	// this server.
	tailRenumberSQL = `UPDATE {log} SET transaction_id = NULL
WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot()) AND NOT pg_visible_in_snapshot(transaction_id, pg_current_snapshot())`

	tailSinceSQL = `SELECT coalesce(bool_or(transaction_id IS NULL), false), min(transaction_id::text::numeric)::text
FROM {log} WHERE "timestamp" >= $1::bytea`

	// tailEarlierSQL is the lowest number below $1 of an event that follows one from $1 on.
	tailEarlierSQL = `SELECT min(e.transaction_id::text::numeric)::text
FROM {log} p JOIN {log} e ON e.aggregate_id = p.aggregate_id AND e.sequence = p.sequence + 1
WHERE p.transaction_id >= $1::text::xid8 AND e.transaction_id < $1::text::xid8`
)

func newTailStatements(o TailOptions) tailStatements {
	// The schema's name was accepted with the options.
	log, _ := pgname.Qualified(o.Schema, "event_log")
	tails, _ := pgname.Qualified(o.Schema, "tails")
	columns := `e.aggregate_id, e.sequence, e.transaction_id, e."timestamp", e.type, ` +
		`CASE WHEN $1::text[] IS NULL OR e.type = ANY ($1::text[]) THEN e.body END`
	if o.Metadata {
		columns += `, e.metadata`
	}
	reached := `''`
	if o.Replica != nil {
		reached = reachedSQL
	}
	fill := strings.NewReplacer("{reached}", reached, "{log}", log, "{tails}", tails, "{columns}", columns).Replace
	return tailStatements{
		log: log, tails: tails,
		admit: tailAdmitSQL, foreign: fill(tailForeignSQL),
		rows: fill(tailRowsSQL), lock: fill(tailLockSQL), again: fill(tailAgainSQL), insert: fill(tailInsertSQL), save: fill(tailSaveSQL),
		finish: fill(tailFinishSQL), stop: fill(tailStopSQL), remove: fill(`DELETE FROM {tails} WHERE name = $1::text`),
		window: fill(tailWindowSQL), sweep: fill(tailSweepSQL), first: fill(tailFirstSQL),
		predecessors: fill(tailPredecessorsSQL), bound: fill(tailBoundSQL),
		followers: fill(tailFollowersSQL), some: fill(tailSomeSQL), progress: fill(tailProgressSQL),
		renumber: fill(tailRenumberSQL), since: fill(tailSinceSQL), earlier: fill(tailEarlierSQL),
	}
}
