package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

var emptyEvent types.Event

func said(severity, code string) error {
	return fmt.Errorf("wrapped: %w", &pgconn.PgError{SeverityUnlocalized: severity, Severity: "FEHLER", Code: code, Message: "m"})
}

func TestTheFateOfACommitIsReadFromTheServersAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want fate
	}{
		"no answer":                     {io.ErrUnexpectedEOF, fateUnknown},
		"context":                       {context.DeadlineExceeded, fateUnknown},
		"unique":                        {said("ERROR", "23505"), fateParticular},
		"bad text":                      {said("ERROR", "22P02"), fateParticular},
		"too deep":                      {said("ERROR", "54001"), fateParticular},
		"trigger":                       {said("ERROR", "P0001"), fateParticular},
		"row security":                  {said("ERROR", "44000"), fateParticular},
		"serialization":                 {said("ERROR", "40001"), fateRaced},
		"deadlock":                      {said("ERROR", "40P01"), fateRaced},
		"lock timeout":                  {said("ERROR", "55P03"), fateBlocked},
		"cancelled":                     {said("ERROR", "57014"), fateGeneral},
		"no table":                      {said("ERROR", "42P01"), fateGeneral},
		"disk full":                     {said("ERROR", "53100"), fateGeneral},
		"read only":                     {said("ERROR", "25006"), fateGeneral},
		"internal":                      {said("ERROR", "XX000"), fateUnknown},
		"no such statement":             {said("ERROR", "26000"), fateStale},
		"ended by an administrator":     {said("FATAL", "57P01"), fateUnknown},
		"the same as an error":          {said("ERROR", "57P01"), fateUnknown},
		"crash":                         {said("PANIC", "XX000"), fateUnknown},
		"fatal":                         {said("FATAL", "53300"), fateUnknown},
		"what a proxy says":             {said("ERROR", "08P01"), fateUnknown},
		"another proxy":                 {said("ERROR", "58000"), fateUnknown},
		"completion unknown":            {said("ERROR", "40003"), fateUnknown},
		"translated":                    {fmt.Errorf("%w: x", store.ErrUnavailable), fateSettled},
		"translated, unknown":           {fmt.Errorf("%w: x", store.ErrOutcomeUnknown), fateUnknown},
		"a projection":                  {&store.ProjectionError{Err: io.EOF}, fateSettled},
		"a projection's statement":      {&store.ProjectionError{Err: said("ERROR", "23505")}, fateSettled},
		"a projection's deadlock":       {&store.ProjectionError{Err: said("ERROR", "40P01")}, fateRaced},
		"a projection's lock":           {&store.ProjectionError{Err: said("ERROR", "55P03")}, fateBlocked},
		"an old server without English": {&pgconn.PgError{Severity: "ERROR", Code: "23505"}, fateParticular},
	} {
		require.Equal(t, c.want, fateOf(c.err), name)
	}
	stale := &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "0A000", Message: "cached plan must not change result type"}
	require.Equal(t, fateStale, fateOf(stale))
	require.Equal(t, fateParticular, fateOf(said("ERROR", "0A000")))
}

func TestErrorsAreTranslatedAndKeepTheDrivers(t *testing.T) {
	t.Parallel()
	for want, errs := range map[error][]error{
		store.ErrOutcomeUnknown: {io.EOF, said("FATAL", "57P01"), said("ERROR", "08006")},
		store.ErrUnavailable:    {said("ERROR", "53100"), said("ERROR", "57014"), said("ERROR", "25006"), said("ERROR", "55P03"), said("ERROR", "40P01")},
	} {
		for _, err := range errs {
			got := translate("commit events", err)
			require.ErrorIs(t, got, want)
			require.ErrorContains(t, got, "commit events")
			require.ErrorIs(t, got, err)
		}
	}
	got := translate("commit events", said("ERROR", "42501"))
	for _, sentinel := range []error{store.ErrOutcomeUnknown, store.ErrUnavailable, store.ErrConflict} {
		require.NotErrorIs(t, got, sentinel)
	}
}

func TestWhatWasNotSentIsTheContextsErrorOrUnavailable(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := notSent(ctx, "acquire", io.EOF)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, err, io.EOF)
	cancel()
	for _, cause := range []error{io.EOF, fmt.Errorf("acquire: %w", context.Canceled)} {
		err = notSent(ctx, "acquire", cause)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, store.ErrUnavailable)
	}
}

func TestABoundOfTheLibrarysOwnIsUnavailable(t *testing.T) {
	t.Parallel()
	bound := fmt.Errorf("%w: no answer within 3s", store.ErrUnavailable)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 0, bound)
	defer cancel()
	for _, err := range []error{
		notSent(ctx, "acquire", context.DeadlineExceeded),
		readError(ctx, "acquire", fmt.Errorf("timeout: %w", context.DeadlineExceeded)),
	} {
		require.EqualError(t, err, "store: unavailable: no answer within 3s: acquire")
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.NotErrorIs(t, err, context.DeadlineExceeded) // the caller has no deadline
	}
}

func TestAProjectionsErrorKeepsToItself(t *testing.T) {
	t.Parallel()
	for _, sentinel := range []error{store.ErrOutcomeUnknown, store.ErrUnavailable, store.ErrConflict, store.ErrInvalidEvent} {
		err := refusedBy(emptyEvent, fmt.Errorf("mine: %w", sentinel))
		require.NotErrorIs(t, err, sentinel)
		require.ErrorContains(t, err, "mine: "+sentinel.Error())
		require.Equal(t, fateSettled, fateOf(err))
	}
	mine := errors.New("mine")
	require.ErrorIs(t, refusedBy(emptyEvent, mine), mine)
}

func TestStatementsThatEndATransactionAreNoticed(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{"COMMIT", "commit;", "\n\tEnd ;", ";rollback", "ABORT work", "BEGIN", "start transaction", "prepare transaction 'x'", "COMMIT\nAND CHAIN", "-- done\ncommit", "/* done */ commit"} {
		require.True(t, endsTransaction(sql), sql)
	}
	for _, sql := range []string{"INSERT INTO commits VALUES (1)", "SELECT 1", "", "SAVEPOINT a", "committed", "-- commit", "/* commit"} {
		require.False(t, endsTransaction(sql), sql)
	}
}

func TestTheGuardsWordsAreUnderstood(t *testing.T) {
	t.Parallel()
	raised := &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "22P02", Message: `ungültige Eingabesyntax für Typ integer: "maestro: no predecessor, 5000"`}
	require.True(t, isGuard(raised))
	raised.Message = `invalid input syntax for type integer: "maestro: "`
	require.True(t, isGuard(raised))
	require.False(t, isGuard(said("ERROR", "22P02")))
	require.False(t, isGuard(io.EOF))
}

func TestTheWaitForAPlaceToWaitNamesItsBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Store{o: Options{LockTimeout: 5 * time.Second}, patient: make(chan struct{}, 2)}
		s.patient <- struct{}{}
		s.patient <- struct{}{}
		_, err := s.tryOnce(t.Context(), nil, nil, patience{long: true, until: time.Now().Add(s.o.LockTimeout)})
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.EqualError(t, err, "store: unavailable: wait for a lock: none of the 2 places to wait (Options.Committers) came free within 5s (Options.LockTimeout)")
	})
}
