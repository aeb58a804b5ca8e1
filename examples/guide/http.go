package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Handler is the bank over HTTP.
func (b *Bank) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /accounts", b.create)
	mux.HandleFunc("POST /accounts/{id}/{command}", b.change)
	mux.HandleFunc("GET /accounts/{id}", b.show)
	mux.HandleFunc("GET /accounts/{id}/events", b.audit)
	return mux
}

// create makes an account. A client that repeats itself, at whichever replica, gets the first
// answer again: both the id and the command's ID are derived from its key.
func (b *Bank) create(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		http.Error(w, "send an Idempotency-Key", http.StatusBadRequest)
		return
	}
	b.do(w, r, types.Command{AggregateID: b.accounts.IDFor(key), Type: "open_account", ID: key})
}

// change does what the path says: deposit_money or withdraw_money. If-Match asks that nothing has
// changed since.
func (b *Bank) change(w http.ResponseWriter, r *http.Request) {
	id, err := hlc.Parse(r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	command := types.Command{AggregateID: id, Type: r.PathValue("command"), ID: r.Header.Get("Idempotency-Key"), Expected: types.Expect(types.Exists)}
	if tag := r.Header.Get("If-Match"); tag != "" {
		s, err := strconv.ParseInt(unquoted(tag), 10, 32)
		if err != nil {
			http.Error(w, "If-Match is no ETag of ours", http.StatusPreconditionFailed)
			return
		}
		command.Expected = types.Expect(types.Sequence(s))
	}
	b.do(w, r, command)
}

// do evaluates a command whose data is the request's body.
func (b *Bank) do(w http.ResponseWriter, r *http.Request, command types.Command) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, "the body is too long", http.StatusRequestEntityTooLarge)
		return
	}
	command.Data = json.RawMessage(body)
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	ctx = types.WithMetadata(ctx, types.Metadata{Actor: r.Header.Get("X-User")})
	done, err := b.accounts.Do(ctx, command)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, command.AggregateID, done.Sequence, done.State)
}

// show answers with the account as of now, or, with ?at=2026-01-02T15:04:05Z, as it was.
func (b *Bank) show(w http.ResponseWriter, r *http.Request) {
	id, err := hlc.Parse(r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	current, err := b.accounts.FetchExisting(r.Context(), id)
	if at := r.FormValue("at"); err == nil && at != "" {
		t, wrong := time.Parse(time.RFC3339, at)
		if wrong != nil {
			http.Error(w, "at is no time", http.StatusBadRequest)
			return
		}
		current.State, err = b.accounts.ReplayAt(r.Context(), id, t)
		current.Sequence = 0 // what was has no ETag
	}
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, id, current.Sequence, current.State)
}

// audit answers with all that happened, old events in today's shape, a line of JSON each.
func (b *Bank) audit(w http.ResponseWriter, r *http.Request) {
	id, err := hlc.Parse(r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	lines := json.NewEncoder(w)
	for e, err := range b.accounts.HistoryUpcast(r.Context(), id, store.Range{}) {
		if err != nil {
			slog.Error("audit", "account", id, "err", err)
			panic(http.ErrAbortHandler) // so that the client sees that the list isn't whole
		}
		_ = lines.Encode(map[string]any{"at": e.Timestamp.Time(), "by": e.Metadata.Actor, "type": e.Type, "body": e.Body})
	}
}

func answer(w http.ResponseWriter, id hlc.Timestamp, s types.Sequence, account Account) {
	w.Header().Set("Content-Type", "application/json")
	if s > 0 {
		w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(int64(s), 10)))
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "owner": account.Owner, "balance": account.Balance})
}

// fail tells the client what it may know, and the log all.
func fail(w http.ResponseWriter, err error) {
	status, text := Status(err), aggregate.ClientText(err)
	if text == "" {
		text = http.StatusText(status)
	}
	if status >= 500 {
		slog.Error("request failed", "status", status, "err", err)
	}
	http.Error(w, text, status)
}

// Status is the HTTP status of an error.
func Status(err error) int {
	for _, known := range []struct {
		err    error
		status int
	}{
		{aggregate.ErrRejected, http.StatusUnprocessableEntity},
		{aggregate.ErrInvalidData, http.StatusBadRequest},
		{aggregate.ErrInvalidID, http.StatusBadRequest},
		{hlc.ErrFormat, http.StatusNotFound}, // no id of ours
		{aggregate.ErrNoAggregate, http.StatusNotFound},
		{aggregate.ErrOtherRoot, http.StatusNotFound},
		{aggregate.ErrUnknownCommand, http.StatusNotFound},
		{aggregate.ErrUnexpectedSequence, http.StatusPreconditionFailed},
		{aggregate.ErrCommandReused, http.StatusConflict},
		{store.ErrOutcomeUnknown, http.StatusGatewayTimeout}, // perhaps done: the client repeats, with its key
		{store.ErrUnavailable, http.StatusServiceUnavailable},
		{aggregate.ErrClosed, http.StatusServiceUnavailable},
		{aggregate.ErrRetriesSpent, http.StatusServiceUnavailable},
		{aggregate.ErrMailboxFull, http.StatusServiceUnavailable},
		{aggregate.ErrTooManyAggregates, http.StatusServiceUnavailable},
		{context.DeadlineExceeded, http.StatusServiceUnavailable},
	} {
		if errors.Is(err, known.err) {
			return known.status
		}
	}
	return http.StatusInternalServerError
}

func unquoted(tag string) string {
	if text, err := strconv.Unquote(tag); err == nil {
		return text
	}
	return tag
}
