package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATE codes that mean something of their own.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	codeUniqueViolation     = "23505"
	codeInvalidText         = "22P02"
	codeSerialization       = "40001"
	codeCompletionUnknown   = "40003"
	codeDeadlock            = "40P01"
	codeLockNotAvailable    = "55P03"
	codeFeatureNotSupported = "0A000"
	codeNoStatement         = "26000"
	codeReadOnly            = "25006"
	codeDivisionByZero      = "22012"
	codeCancelled           = "57014"
)

// fate is what an error says of the commits in the statement it answers.
type fate int

const (
	// fateUnknown: they may be stored now, later or never.
	fateUnknown fate = iota

	// fateSettled: not stored, and translated already.
	fateSettled

	// fateGeneral: not stored, and the cause is not what was sent: any other commit would meet it too.
	fateGeneral

	// fateStale: not stored, because the server no longer knew the prepared statement. The driver has
	// noticed.
	fateStale

	// fateBlocked: not stored, as another transaction holds a row for too long.
	fateBlocked

	// fateRaced: not stored, as it got in another transaction's way; again may be luckier.
	fateRaced

	// fateParticular: not stored, for something in what was sent.
	fateParticular
)

// fateOf judges by what the server said in answer to the statement. It does not ask the driver
// whether an error is "safe to retry": the driver says so after a lost answer to COMMIT too.
func fateOf(err error) fate {
	var projection *store.ProjectionError
	pgErr := pgError(err)
	switch {
	case errors.Is(err, store.ErrOutcomeUnknown):
		return fateUnknown
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, errTxEnded):
		return fateSettled
	case pgErr == nil && errors.As(err, &projection):
		return fateSettled
	case errors.Is(err, errHeld):
		return fateBlocked
	case errors.Is(err, errTaken):
		return fateRaced
	case pgErr == nil || !definite(pgErr):
		return fateUnknown
	}
	switch {
	case pgErr.Code == codeLockNotAvailable:
		return fateBlocked
	case pgErr.Code == codeSerialization || pgErr.Code == codeDeadlock:
		return fateRaced
	case errors.As(err, &projection):
		return fateSettled
	case pgErr.Code == codeNoStatement || pgErr.Code == codeFeatureNotSupported && ofCachedPlan(pgErr):
		return fateStale
	case unknownClass(pgErr.Code):
		return fateUnknown
	case affectsAll(pgErr.Code):
		return fateGeneral
	}
	return fateParticular
}

// pgError returns what the server said, if it said anything.
func pgError(err error) *pgconn.PgError {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr
	}
	return nil
}

// definite reports whether the server rolled the statement back. What ends the session may come
// after the commit, and what a proxy says about its connection to the server is no answer of the
// server.
func definite(e *pgconn.PgError) bool {
	severity := e.SeverityUnlocalized
	if severity == "" {
		severity = e.Severity
	}
	switch {
	case severity != "ERROR", e.Code == codeCompletionUnknown:
		return false
	case hasClass(e.Code, "08", "58"), strings.HasPrefix(e.Code, "57P"):
		return false
	}
	return true
}

// affectsAll reports whether an error with code would meet any commit: the server lacks something,
// or the table does.
func affectsAll(code string) bool {
	return hasClass(code, "25", "28", "3D", "3F", "42", "53", "57")
}

// ofCachedPlan reports whether a plan's result would be of another type than when it was made. The
// code means much else, and the message may be in any language.
func ofCachedPlan(e *pgconn.PgError) bool {
	return e.Routine == "RevalidateCachedQuery" || strings.Contains(e.Message, "cached plan")
}

// unknownClass reports whether code is none of those that stand for a refusal. A coordinator of
// several servers does not always pass on what the server with the rows said: a conflict, or the
// death of a server during a commit, may come as an internal error. So somebody has to look at the
// log.
func unknownClass(code string) bool {
	return !hasClass(code, "0A", "0L", "0P", "20", "21", "22", "23", "25", "26", "27", "28", "2B", "2D", "34", "38", "39", "3B", "3D", "3F",
		"40", "42", "44", "53", "54", "55", "57", "P0")
}

// refuses reports whether the server refused a statement that stores nothing, and would refuse it
// again. XX001 and XX002 say that what is stored is damaged.
func refuses(e *pgconn.PgError) bool {
	return definite(e) && !busy(e.Code) && (!unknownClass(e.Code) || hasClass(e.Code, "XX001", "XX002"))
}

func hasClass(code string, classes ...string) bool {
	for _, class := range classes {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// busy reports whether the same call may succeed later.
func busy(code string) bool {
	return hasClass(code, "53", "55", "57", "40") || code == codeReadOnly
}

// translate turns an error that ends a commit into the store's words. The driver's error stays
// within reach.
func translate(doing string, err error) error {
	switch fateOf(err) {
	case fateUnknown:
		if errors.Is(err, store.ErrOutcomeUnknown) {
			return err
		}
		return fmt.Errorf("%w: %s: %w", store.ErrOutcomeUnknown, doing, err)
	case fateSettled:
		return err
	}
	if busy(pgError(err).Code) {
		return unavailable(doing, err)
	}
	return plainError(doing, err)
}

// plainError is err with what was being done and, where the tables are not as they should be, the
// remedy.
func plainError(doing string, err error) error {
	if pgErr := pgError(err); pgErr != nil && lacksTables(pgErr.Code) {
		return fmt.Errorf("postgres: %s: %w: apply the migrations to this database and schema; migrations.Validate names what is missing", doing, err)
	}
	return fmt.Errorf("postgres: %s: %w", doing, err)
}

// lacksTables reports whether the server missed a schema, a table, a column, an index or the right
// type of one. It is not asked about a projection's statement: that is about the application's
// tables, and its error is a *store.ProjectionError.
func lacksTables(code string) bool {
	switch code {
	case "3F000", "42P01", "42703", "42P10", "42804", "42883":
		return true
	}
	return false
}

// errTxEnded is not an ErrUnavailable: to try again with the same transaction never helps.
var errTxEnded = fmt.Errorf("postgres: the application's transaction has ended: %w", pgx.ErrTxClosed)

// notSent is the error of a call that ended before it reached the database.
func notSent(ctx context.Context, doing string, err error) error {
	if ended := ctx.Err(); ended != nil {
		// The library may have said whose bound it was.
		if cause := context.Cause(ctx); errors.Is(cause, store.ErrUnavailable) {
			return fmt.Errorf("%w: %s", cause, doing)
		}
		if !errors.Is(err, ended) {
			err = ended
		}
		return fmt.Errorf("postgres: %s: %w", doing, err)
	}
	return unavailable(doing, err)
}

func unavailable(doing string, err error) error {
	if pgErr := pgError(err); pgErr != nil && pgErr.Code == codeReadOnly {
		err = fmt.Errorf("%w: %w", errReadOnly, err)
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
}

// readError is the error of a statement that stores nothing.
func readError(ctx context.Context, doing string, err error) error {
	var undecoded *decodeError
	pgErr := pgError(err)
	switch {
	case errors.As(err, &undecoded), ctx.Err() == nil && pgErr != nil && refuses(pgErr):
		return plainError(doing, err)
	}
	return notSent(ctx, doing, err)
}

// notAnswered is the error of a commit that was not stored if the database could not be asked why.
// The bound of that question is the store's own, so the error must not match
// context.DeadlineExceeded.
func notAnswered(doing string, err error) error {
	if pgError(err) == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %s: %s", store.ErrUnavailable, doing, err.Error()) // as text only
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, doing, err)
}

// isRefusal reports whether a plain statement met what was there already and has to be unique, or
// missed a predecessor.
func isRefusal(err error) bool {
	var projection *store.ProjectionError
	pgErr := pgError(err)
	return pgErr != nil && (pgErr.Code == codeUniqueViolation || isGuard(err)) && definite(pgErr) && !errors.As(err, &projection)
}

// isGuard reports whether err was raised by a guard.
func isGuard(err error) bool {
	pgErr := pgError(err)
	return pgErr != nil && pgErr.Code == codeInvalidText && strings.Contains(pgErr.Message, `"`+guardMark)
}

// unencodable reports whether the driver could not encode an argument; the driver then closes the
// connection too. Only the text of the error tells, and a test watches that it still does.
func unencodable(err error) bool {
	var preprocessing pgx.ErrPreprocessingBatch
	return errors.As(err, &preprocessing) && strings.HasPrefix(preprocessing.Error(), "error preprocessing batch (build)")
}

// unsent is the statement of a batch that the driver or the server refused to prepare, if err says
// so.
func unsent(err error) (sql string, found bool) {
	var preprocessing pgx.ErrPreprocessingBatch
	if errors.As(err, &preprocessing) {
		return preprocessing.SQL(), true
	}
	return "", false
}
