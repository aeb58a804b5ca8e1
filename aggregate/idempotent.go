package aggregate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonform"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/internal/typestring"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// identify returns the record that will use up the ID of a command.
func (r *Root[S]) identify(command types.Command, handler any) (*store.CommandRecord, error) {
	if fault := typestring.Fault(command.ID); fault != "" {
		return nil, &invalidDataError{root: r.family.name, command: command.Type, reason: "its ID " + fault}
	}
	if _, ok := r.sup.store.(store.CommandLog); !ok {
		return nil, fmt.Errorf("%w: this store keeps no command ids: leave Command.ID empty, or use a store.CommandLog", store.ErrUnsupported)
	}
	sum, err := fingerprint(command, handler)
	if err == nil {
		return &store.CommandRecord{ID: command.ID, Fingerprint: sum}, nil
	}
	if errors.Is(err, ErrInvalidData) {
		return nil, ofRoot(err, r.family.name)
	}
	return nil, &invalidDataError{root: r.family.name, command: command.Type, reason: "data can't be compared with that of another command", err: err}
}

var errRecordGone = errors.New("the command's record was pruned meanwhile")

// repeat answers a command whose ID was used before with the first outcome.
func (c *core[S]) repeat(q *request) {
	found, err := c.recall(q)
	if !found {
		err = c.untold(cmp.Or(err, errRecordGone))
	}
	q.Answer(err)
}

// untold is the error for a command that was carried out an earlier time, but whose outcome then
// could not be read: one that says nothing was stored would be wrong.
func (c *core[S]) untold(cause error) error {
	return &OutcomeUnknownError{AggregateID: c.ID, Err: fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, cause)}
}

// recall looks a command's ID up. If it was used before, q gets the outcome of that time.
func (c *core[S]) recall(q *request) (found bool, err error) {
	defer func() { err = c.reportPanic(q.Ctx, q.command.Type, err) }()
	defer panics.Recover(&err) // an adapter's panic
	a := c.adapter()
	ctx, cancel := c.reading(q.Ctx)
	defer cancel()
	log, ok := a.(store.CommandLog)
	if !ok { // a transaction that doesn't keep command ids by itself
		log = c.family.sup.store.(store.CommandLog)
	}
	record, err := lookUp(ctx, log, c.ID, q.record)
	if found = record != nil; !found || err != nil {
		return found, err
	}
	// The first time may have been in doubt. To have found it proves that it is visible.
	if err := flush(ctx, a, c.ID, c.family.sup.options.ReadTimeout); err != nil {
		return true, c.untold(err)
	}
	q.seq, q.repeat = record.Last, true
	if q.wantEvents {
		q.events, err = eventsOf(ctx, a, c.ID, record)
	}
	if q.wantState && err == nil {
		q.state, err = c.root.kind.stateAt(ctx, c.reads(), c.ID, record.Last)
	}
	if err != nil {
		err = c.untold(err)
	}
	return true, err
}

// lookUp returns the record of an earlier command with the same ID, or nil. With an error, it
// returns the record only if that was another command's.
func lookUp(ctx context.Context, log store.CommandLog, id hlc.Timestamp, want *store.CommandRecord) (*store.CommandRecord, error) {
	record, err := log.LookupCommand(ctx, id, want.ID)
	switch {
	case err != nil:
		return nil, during("look up the command id", err)
	case record != nil && record.Fingerprint != want.Fingerprint:
		return record, &CommandReusedError{AggregateID: id, CommandID: want.ID, After: record.After, Last: record.Last}
	}
	return record, nil
}

// eventsOf reads the events that a command led to.
func eventsOf(ctx context.Context, a store.Adapter, id hlc.Timestamp, record *store.CommandRecord) (events []types.Event, _ error) {
	if record.Last == record.After {
		return nil, nil
	}
	for e, err := range a.Events(ctx, id, store.Range{After: record.After, Max: record.Last}) {
		if err != nil {
			return nil, during("read events", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// Identifier is a command's data that decides when two commands with the same ID are the same.
// Without it all of the data is compared, as the handler gets it.
type Identifier interface {
	// Identity returns what is compared, such as the data without the time at which a server
	// received it. It must depend on nothing but the data. A difference in what it leaves out is
	// not noticed: the first outcome is returned.
	Identity() any
}

// fingerprint is a hash of what a handler is given. It stays what it was where the command's type
// gets a new field, whose zero value is the same as its absence, and where a name in JSON changes
// its case.
func fingerprint(command types.Command, handler any) (sum [32]byte, err error) {
	defer panics.Recover(&err)
	data := command.Data
	if h, ok := handler.(interface {
		given(types.Command) (any, error)
	}); ok {
		if data, err = h.given(command); err != nil {
			return sum, err
		}
	}
	if i, ok := identifierOf(data); ok {
		data = i.Identity()
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q ", command.Type)
	if err := jsonform.Digest(h, reflect.ValueOf(data)); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// identifierOf finds the method behind a value and behind a pointer to it.
func identifierOf(data any) (Identifier, bool) {
	if i, ok := data.(Identifier); ok || data == nil {
		return i, ok
	}
	p := reflect.New(reflect.TypeOf(data))
	p.Elem().Set(reflect.ValueOf(data))
	i, ok := p.Interface().(Identifier)
	return i, ok
}
