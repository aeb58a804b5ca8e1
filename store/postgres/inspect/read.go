package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/audit"
	"github.com/eventmaestro/maestro/internal/pgname"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// row is an event as it is stored, whatever it looks like.
type row struct {
	stamp    []byte
	sequence int64
	name     string
	body     string
	metadata *string
}

// snapshot is the row of the snapshots' table.
type snapshot struct {
	sequence int64
	body     string
}

// database is what inspect reads from, within one transaction.
type database struct {
	tx       pgx.Tx
	log      string // the tables, quoted
	snaps    string
	metadata bool
	now      time.Time
	store    store.Adapter // over tx
}

// inspect prints what is stored of an aggregate and returns how much of it is wrong.
func inspect(ctx context.Context, c config, p printer) (problems int, _ error) {
	// A program's URL may set its pool, too, with parameters that a server would refuse.
	config, err := pgxpool.ParseConfig(c.database)
	if err != nil {
		return 0, err
	}
	// Statements are not prepared: there may be a proxy between here and the server.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		d, err := open(ctx, tx, c.schema)
		if err != nil {
			return err
		}
		s, err := postgres.New(pool, &postgres.Options{Schema: c.schema, Metadata: d.metadata})
		if err != nil {
			return err
		}
		d.store = s.Tx(tx)
		problems, err = d.inspect(ctx, c, p)
		return err
	})
	return problems, err
}

func open(ctx context.Context, tx pgx.Tx, schema string) (*database, error) {
	d := &database{tx: tx}
	var err error
	if d.log, err = pgname.Qualified(schema, "event_log"); err != nil {
		return nil, err
	}
	if d.snaps, err = pgname.Qualified(schema, "snapshots"); err != nil {
		return nil, err
	}
	err = tx.QueryRow(ctx, `SELECT now(), EXISTS (SELECT FROM pg_catalog.pg_attribute
WHERE attrelid = $1::text::regclass AND attname = 'metadata' AND attnum > 0 AND NOT attisdropped)`, d.log).Scan(&d.now, &d.metadata)
	if err != nil {
		return nil, fmt.Errorf("look for table %s: %w", d.log, err)
	}
	return d, nil
}

func (d *database) inspect(ctx context.Context, c config, p printer) (int, error) {
	j := &judge{config: c, now: d.now, log: audit.Log{From: types.Sequence(c.from)}}
	if err := p.begin(c.id); err != nil {
		return 0, err
	}
	sn, err := d.snapshot(ctx, c.id)
	if err != nil {
		return 0, err
	}
	if j.snapshot = sn; sn != nil {
		j.log.Snapshot = types.Sequence(sn.sequence)
	}
	if err := d.replay(ctx, j); err != nil {
		return 0, err
	}
	if err := d.events(ctx, c, func(r row) error { return p.event(r, j.event(r)) }); err != nil {
		return 0, err
	}
	if sn != nil {
		if err := p.snapshot(*sn, j.replayed.compared, j.judgeSnapshot()); err != nil {
			return 0, err
		}
	}
	whole := j.end()
	return j.problems, p.end(j.summary(), whole)
}

// replay has the events applied by the kind that knows them, if there is one.
func (d *database) replay(ctx context.Context, j *judge) error {
	if len(j.kinds) == 0 {
		return nil
	}
	kind := &j.kinds[0]
	if j.root == "" {
		var first string
		err := d.tx.QueryRow(ctx, `SELECT type FROM `+d.log+` WHERE aggregate_id = $1::bytea ORDER BY sequence LIMIT 1`, j.id[:]).Scan(&first)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the first event: %w", err)
		}
		if kind = knowing(j.kinds, first); kind == nil {
			return nil
		}
	}
	var err error
	if j.replayed, err = kind.replay(ctx, d.store, j.id); err != nil {
		return fmt.Errorf("replay as %s: %w", kind.name, err)
	}
	return nil
}

func (d *database) snapshot(ctx context.Context, id hlc.Timestamp) (*snapshot, error) {
	var sn snapshot
	err := d.tx.QueryRow(ctx, `SELECT sequence, body::text FROM `+d.snaps+` WHERE aggregate_id = $1::bytea`, id[:]).Scan(&sn.sequence, &sn.body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the snapshot: %w", err)
	}
	return &sn, nil
}

func (d *database) events(ctx context.Context, c config, see func(row) error) error {
	columns := `"timestamp", sequence, type, body::text, NULL::text`
	if d.metadata {
		columns = `"timestamp", sequence, type, body::text, metadata::text`
	}
	query := `SELECT ` + columns + ` FROM ` + d.log + ` WHERE aggregate_id = $1::bytea AND sequence >= $2::int8`
	args := []any{c.id[:], c.from}
	if c.to > 0 {
		query += ` AND sequence <= $3::int8`
		args = append(args, c.to)
	}
	rows, err := d.tx.Query(ctx, query+` ORDER BY sequence, "timestamp"`, args...)
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.stamp, &r.sequence, &r.name, &r.body, &r.metadata); err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
		if err := see(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	return nil
}

// raw is JSON text for the JSON form of the output.
func raw(text *string) json.RawMessage {
	if text == nil {
		return nil
	}
	return json.RawMessage(*text)
}
