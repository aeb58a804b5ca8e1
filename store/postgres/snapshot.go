package postgres

import (
	"context"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// CommitSnapshot stores a snapshot, unless there is a newer one; see store.Adapter. A body that
// jsonb refuses is store.ErrInvalidEvent. If the answer gets lost the error is
// store.ErrOutcomeUnknown. The caller may ignore it, or store the same snapshot again.
func (s *Store) CommitSnapshot(ctx context.Context, snapshot types.Snapshot) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return s.saveSnapshot(ctx, conn, snapshot)
}

func (s *Store) saveSnapshot(ctx context.Context, q querier, snapshot types.Snapshot) error {
	if err := store.CheckSnapshot(snapshot); err != nil {
		return err
	}
	var anchored int64
	err := s.planned(ctx, q, func(q querier) error {
		return q.QueryRow(ctx, s.sql.saveSnapshot, snapshot.AggregateID[:], int32(snapshot.Sequence), string(snapshot.Body)).Scan(&anchored)
	})
	if err == nil && anchored == 0 {
		return fmt.Errorf("%w: aggregate %v, sequence %d, which a snapshot was made of", store.ErrNoEvent, snapshot.AggregateID, snapshot.Sequence)
	}
	return bodyError(ctx, "commit snapshot", snapshot.AggregateID, snapshot.Sequence, err)
}

// Rises lets the server compare the timestamps of an aggregate's events; see store.Chronology.
func (s *Store) Rises(ctx context.Context, id hlc.Timestamp, r store.Range) (rise bool, err error) {
	return s.risesIn(ctx, s.pool, id, r)
}

func (s *Store) risesIn(ctx context.Context, q querier, id hlc.Timestamp, r store.Range) (rise bool, err error) {
	after, last, some := bounds(r)
	if !some {
		return true, nil
	}
	err = s.planned(ctx, q, func(q querier) error {
		return q.QueryRow(ctx, s.sql.rises, id[:], after, last).Scan(&rise)
	})
	if err != nil {
		return false, readError(ctx, fmt.Sprint("look at the timestamps of aggregate ", id), err)
	}
	return rise, nil
}

// Redact changes events, command records and the snapshot of an aggregate in one transaction; see
// store.Redactor. It is linear in the number of events that change, and needs UPDATE on the events
// and DELETE on snapshots and commands.
func (s *Store) Redact(ctx context.Context, r store.Redaction) error {
	if r.Snapshot != nil {
		if err := store.CheckSnapshot(*r.Snapshot); err != nil {
			return err
		}
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var refusal error // of the library's own, not the driver's
	err = s.planned(ctx, conn, func(querier) error {
		refusal = nil
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
			if refusal, err = s.redactIn(ctx, unplanned(tx), r); err == nil {
				err = refusal
			}
			return err
		})
	})
	if refusal != nil {
		return refusal
	}
	return bodyError(ctx, "redact", r.AggregateID, r.First(), err)
}

// redactIn returns what speaks against the redaction apart from the driver's errors. The snapshot
// comes first: its row is where two redactions wait for each other.
func (s *Store) redactIn(ctx context.Context, tx querier, r store.Redaction) (refusal, _ error) {
	id := r.AggregateID
	if r.Snapshot != nil {
		tag, err := tx.Exec(ctx, s.sql.setSnapshot, id[:], int32(r.Snapshot.Sequence), string(r.Snapshot.Body))
		if err != nil {
			return nil, err
		}
		if tag.RowsAffected() == 0 {
			return store.ErrConflict, nil
		}
	} else if len(r.Events) > 0 {
		if _, err := tx.Exec(ctx, s.sql.dropSnapshot, id[:], int32(r.First())); err != nil {
			return nil, err
		}
	}
	if r.Commands && s.o.Commands {
		if _, err := tx.Exec(ctx, s.sql.forget, id[:]); err != nil {
			return nil, err
		}
	}
	if len(r.Events) == 0 {
		return nil, nil
	}
	args, sequences := s.redactArgs(r)
	var found []int32
	if err := tx.QueryRow(ctx, s.sql.redact, args...).Scan(&found); err != nil {
		return nil, err
	}
	there := make(map[int32]bool, len(found))
	for _, sequence := range found {
		there[sequence] = true
	}
	for i, sequence := range sequences {
		if !there[sequence] {
			return fmt.Errorf("%w: aggregate %v, sequence %d", store.ErrNoEvent, id, r.Events[i].Sequence), nil
		}
	}
	return nil, nil
}

func (s *Store) redactArgs(r store.Redaction) (args []any, sequences []int32) {
	bodies, metadata := make([]string, len(r.Events)), make([]string, len(r.Events))
	for i, e := range r.Events {
		if e.Sequence < 1 || e.Sequence > types.MaxSequence {
			e.Sequence = 0 // which no event has
		}
		sequences = append(sequences, int32(e.Sequence))
		bodies[i], metadata[i] = string(e.Body), metadataText(e.Metadata)
	}
	args = []any{r.AggregateID[:], sequences, bodies}
	if s.o.Metadata {
		args = append(args, metadata)
	}
	return args, sequences
}

// bodyError translates the error of a statement that replaces something and may be repeated.
func bodyError(ctx context.Context, doing string, id hlc.Timestamp, sequence types.Sequence, err error) error {
	switch {
	case err == nil:
		return nil
	case fateOf(err) == fateParticular:
		return &store.InvalidEventError{AggregateID: id, Sequence: sequence, Field: "body", Reason: "is refused by the database", Err: err}
	case ctx.Err() != nil:
		return fmt.Errorf("postgres: %s: %w", doing, err)
	}
	return translate(doing, err)
}
