package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Service is one replica.
type Service struct {
	sup      *aggregate.Supervisor
	shows    *aggregate.Root[Show]
	bookings *aggregate.Root[Booking]
	log      *slog.Logger
}

// NewService makes a replica of a version of the program. The store must keep command ids and know
// transactions of the library, as those in memory and on Postgres do.
func NewService(s store.Adapter, version int, log *slog.Logger) (*Service, error) {
	sup, err := aggregate.NewSupervisor(s, &aggregate.Options{Logger: log, MaxLive: 100_000})
	if err != nil {
		return nil, err
	}
	v := &Service{sup: sup, log: log}
	if v.shows, err = aggregate.NewRoot(v.sup, Shows(version)); err != nil {
		return nil, err
	}
	v.bookings, err = aggregate.NewRoot(v.sup, Bookings())
	return v, err
}

// Close answers what still waits, and ends. The HTTP server is shut down before it, the pool is
// closed after it.
func (v *Service) Close(ctx context.Context) error { return v.sup.Shutdown(ctx) }

// Handler is the service over HTTP.
func (v *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /shows", v.handle(v.open))
	mux.HandleFunc("POST /shows/{id}/bookings", v.handle(v.book))
	mux.HandleFunc("POST /shows/{id}/block", v.handle(v.block))
	mux.HandleFunc("GET /shows/{id}", v.handle(v.show))
	mux.HandleFunc("GET /bookings/{id}", v.handle(v.booking))
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {}) // it listens, so it is
	return mux
}

// answer is what a handler says: an aggregate's state at a sequence.
type answer struct {
	ID       hlc.Timestamp  `json:"id"`
	Sequence types.Sequence `json:"sequence"`
	State    any            `json:"state"`
}

// handle is what all handlers have in common.
func (v *Service) handle(f func(r *http.Request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		a, err := f(r)
		if err != nil {
			v.fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(int64(a.Sequence), 10)))
		_ = json.NewEncoder(w).Encode(a)
	}
}

// open makes a show. Its id comes of the client's key, so a repeat at another replica is about the
// same one.
func (v *Service) open(r *http.Request) (answer, error) {
	key, err := keyOf(r)
	if err != nil {
		return answer{}, err
	}
	var data json.RawMessage
	if err := decode(r, &data); err != nil {
		return answer{}, err
	}
	id := v.shows.IDFor(key)
	done, err := v.shows.Do(r.Context(), types.Command{AggregateID: id, Type: "open_show", Data: data, ID: key})
	return answer{id, done.Sequence, done.State}, err
}

// book changes two aggregates or none: the show gives seats away, the booking has them. A repeat
// gets the booking of the first time.
func (v *Service) book(r *http.Request) (answer, error) {
	key, err := keyOf(r)
	if err != nil {
		return answer{}, err
	}
	var wish struct{ Seats []int }
	if err := decode(r, &wish); err != nil {
		return answer{}, err
	}
	show, expected, err := target(r)
	if err != nil {
		return answer{}, err
	}
	id := v.bookings.IDFor(key)
	err = v.sup.Transact(r.Context(), func(ctx context.Context, tx store.Tx) error {
		take := types.CommandOf(show, TakeSeats{id.String(), wish.Seats})
		take.ID, take.Expected = key, expected
		if _, err := v.shows.EvaluateTx(ctx, tx, take); err != nil {
			return err
		}
		book := types.CommandOf(id, Book{Booking{show.String(), wish.Seats}})
		book.ID = key
		_, err := v.bookings.EvaluateTx(ctx, tx, book)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	booked, err := v.bookings.FetchExisting(r.Context(), id)
	return answer{id, booked.Sequence, booked.State}, err
}

// block keeps seats from being sold, since version 3.
func (v *Service) block(r *http.Request) (answer, error) {
	var data json.RawMessage
	if err := decode(r, &data); err != nil {
		return answer{}, err
	}
	show, expected, err := target(r)
	if err != nil {
		return answer{}, err
	}
	done, err := v.shows.Do(r.Context(), types.Command{
		AggregateID: show, Type: "block_seats", Data: data, ID: r.Header.Get("Idempotency-Key"), Expected: expected,
	})
	return answer{show, done.Sequence, done.State}, err
}

func (v *Service) show(r *http.Request) (answer, error) {
	id, err := hlc.Parse(r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	current, err := v.shows.FetchExisting(r.Context(), id)
	return answer{id, current.Sequence, current.State}, err
}

func (v *Service) booking(r *http.Request) (answer, error) {
	id, err := hlc.Parse(r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	current, err := v.bookings.FetchExisting(r.Context(), id)
	return answer{id, current.Sequence, current.State}, err
}

// clientError is a request that is wrong before it is a command.
type clientError struct {
	status int
	text   string
}

func (e *clientError) Error() string { return e.text }

func keyOf(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return "", &clientError{http.StatusBadRequest, "send an Idempotency-Key"}
	}
	return key, nil
}

func decode(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return &clientError{http.StatusBadRequest, "the body is no JSON that is meant here"}
	}
	return nil
}

// target is the aggregate of the path, and what If-Match expects of it: without it, that it exists.
func target(r *http.Request) (hlc.Timestamp, *types.Sequence, error) {
	id, err := hlc.Parse(r.PathValue("id"))
	tag := strings.Trim(r.Header.Get("If-Match"), `"`)
	if err != nil || tag == "" {
		return id, types.Expect(types.Exists), err
	}
	s, err := strconv.ParseInt(tag, 10, 32)
	if err != nil {
		return id, nil, &clientError{http.StatusPreconditionFailed, "If-Match is no ETag of ours"}
	}
	return id, types.Expect(types.Sequence(s)), nil
}

// fail tells the client what it may know, and the log all.
func (v *Service) fail(w http.ResponseWriter, err error) {
	status, text := Status(err), aggregate.ClientText(err)
	if wrong, ok := errors.AsType[*clientError](err); ok {
		status, text = wrong.status, wrong.text
	}
	if text == "" {
		text = http.StatusText(status)
	}
	if status >= http.StatusInternalServerError {
		v.log.Error("request failed", "status", status, "err", err)
	}
	http.Error(w, text, status)
}

// Status is the HTTP status of an error; the guide says why.
func Status(err error) int {
	for _, known := range []struct {
		err    error
		status int
	}{
		{aggregate.ErrRejected, http.StatusUnprocessableEntity},
		{aggregate.ErrInvalidData, http.StatusBadRequest},
		{hlc.ErrFormat, http.StatusNotFound},
		{aggregate.ErrNoAggregate, http.StatusNotFound},
		{aggregate.ErrOtherRoot, http.StatusNotFound},
		{aggregate.ErrUnknownCommand, http.StatusNotFound},
		{aggregate.ErrUnexpectedSequence, http.StatusPreconditionFailed},
		{aggregate.ErrCommandReused, http.StatusConflict},
		{store.ErrOutcomeUnknown, http.StatusGatewayTimeout},
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
