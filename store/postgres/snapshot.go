package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// CommitSnapshot stores a snapshot, unless there is a newer one; see store.Adapter. A body that jsonb refuses is
// store.ErrInvalidEvent. To store the same snapshot again is harmless, so an answer that got lost is store.ErrOutcomeUnknown
// and may be forgotten.
func (s *Store) CommitSnapshot(ctx context.Context, snapshot types.Snapshot) error {
	if s.err != nil {
		return s.err
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return s.saveSnapshot(ctx, conn, snapshot)
}

func (s *Store) saveSnapshot(ctx context.Context, q querier, snapshot types.Snapshot) error {
	if s.err != nil {
		return s.err
	}
	if err := checkSnapshot(snapshot); err != nil {
		return err
	}
	err := s.planned(ctx, q, func(q querier) error {
		_, err := q.Exec(ctx, s.sql.saveSnapshot, snapshot.AggregateID[:], int32(snapshot.Sequence), string(snapshot.Body))
		return err
	})
	return bodyError(ctx, "commit snapshot", snapshot.AggregateID, snapshot.Sequence, err)
}

func checkSnapshot(snapshot types.Snapshot) error {
	invalid := &store.InvalidEventError{AggregateID: snapshot.AggregateID, Sequence: snapshot.Sequence}
	switch {
	case snapshot.AggregateID.IsZero():
		invalid.Field, invalid.Reason = "aggregate id", "is zero"
	case snapshot.Sequence < 1 || snapshot.Sequence > types.MaxSequence:
		invalid.Field, invalid.Reason = "sequence", fmt.Sprintf("is not in 1 to %d", types.MaxSequence)
	case len(snapshot.Body) == 0:
		invalid.Field, invalid.Reason = "snapshot body", "is empty"
	default:
		return nil
	}
	return invalid
}

// Redact replaces the body of one event and drops the snapshot that contains it, in one statement; see store.Redactor.
func (s *Store) Redact(ctx context.Context, id hlc.Timestamp, sequence types.Sequence, body json.RawMessage) error {
	if s.err != nil {
		return s.err
	}
	if sequence < 1 || sequence > types.MaxSequence {
		return fmt.Errorf("%w: aggregate %v, sequence %d", store.ErrNoEvent, id, sequence)
	}
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var found int64
	err = s.planned(ctx, conn, func(q querier) error {
		return q.QueryRow(ctx, s.sql.redact, id[:], int32(sequence), string(body)).Scan(&found)
	})
	if err != nil {
		return bodyError(ctx, "redact", id, sequence, err)
	}
	if found == 0 {
		return fmt.Errorf("%w: aggregate %v, sequence %d", store.ErrNoEvent, id, sequence)
	}
	return nil
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
