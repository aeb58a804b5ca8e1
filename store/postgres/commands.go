package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// LookupCommand returns the record of a command ID, or nil; see store.CommandLog.
func (s *Store) LookupCommand(ctx context.Context, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if err := s.recording(); err != nil {
		return nil, err
	}
	return s.lookupFrom(ctx, s.pool, aggregateID, commandID)
}

func (s *Store) lookupFrom(ctx context.Context, q querier, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	if !utf8.ValidString(commandID) || strings.IndexByte(commandID, 0) >= 0 {
		return nil, nil // nobody can have used it
	}
	record, err := s.lookup(ctx, q, aggregateID, commandID)
	if err != nil {
		return nil, readError(ctx, fmt.Sprintf("look up command %q", commandID), err)
	}
	return record, nil
}

// PruneCommands forgets the command IDs recorded before t, by the database's clock; see
// store.CommandLog. It is one statement, however many there are.
func (s *Store) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	return s.pruneFrom(ctx, s.pool, t)
}

func (s *Store) pruneFrom(ctx context.Context, q querier, t time.Time) (int64, error) {
	if err := s.recording(); err != nil {
		return 0, err
	}
	var forgotten int64
	err := s.planned(ctx, q, func(q querier) error {
		tag, err := q.Exec(ctx, s.sql.prune, t)
		forgotten = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, readError(ctx, "prune commands", err)
	}
	return forgotten, nil
}

// recording returns why there are no command records.
func (s *Store) recording() error {
	if !s.o.Commands {
		return fmt.Errorf("%w: command ids: apply the commands migration and set postgres.Options.Commands", store.ErrUnsupported)
	}
	return nil
}

// lookup returns the driver's errors.
func (s *Store) lookup(ctx context.Context, q querier, aggregateID hlc.Timestamp, commandID string) (*store.CommandRecord, error) {
	var fingerprint []byte
	var first, last int32
	err := s.planned(ctx, q, func(q querier) error {
		return q.QueryRow(ctx, s.sql.lookup, aggregateID[:], commandID).Scan(&fingerprint, &first, &last)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	r := &store.CommandRecord{ID: commandID, After: types.Sequence(first) - 1, Last: types.Sequence(last)}
	if len(fingerprint) != len(r.Fingerprint) {
		return nil, &decodeError{"fingerprint", fmt.Errorf("%d bytes instead of %d", len(fingerprint), len(r.Fingerprint))}
	}
	copy(r.Fingerprint[:], fingerprint)
	return r, nil
}
