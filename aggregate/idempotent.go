package aggregate

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// identify returns the record that will use up the ID of a command.
func (r *Root[S]) identify(command types.Command) (record store.CommandRecord, _ error) {
	if fault := typeFault(command.ID); fault != "" {
		return record, &InvalidDataError{Want: "a command ID of 1 to 256 bytes of UTF-8", Got: "one that " + fault}
	}
	if _, ok := r.sup.store.(store.CommandLog); !ok {
		return record, fmt.Errorf("aggregate: command ids: %w: the store keeps none", store.ErrUnsupported)
	}
	data, err := encode(command.Data)
	if err != nil {
		return record, &InvalidDataError{Want: "data that encodes as JSON, for its fingerprint", Got: fmt.Sprintf("%T", command.Data), Err: err}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(command.Type), command.Type)
	h.Write(data)
	record.ID = command.ID
	h.Sum(record.Fingerprint[:0])
	return record, nil
}

var errRecordGone = errors.New("aggregate: the command's record was pruned meanwhile")

// repeat answers a command whose ID was used before with the first outcome.
func (c *cell[S]) repeat(q *request) {
	found, err := c.first(q)
	if err == nil && !found {
		err = errRecordGone
	}
	q.answer(err)
}

// first looks a command's ID up. If it was used before, q gets the outcome of that time.
func (c *cell[S]) first(q *request) (found bool, _ error) {
	sup := c.family.sup
	ctx := c.background(q.ctx)
	record, err := sup.store.(store.CommandLog).LookupCommand(ctx, c.id, q.command.ID)
	if err != nil {
		return false, fmt.Errorf("aggregate: look the command id up: %w", err)
	}
	if record == nil {
		return false, nil
	}
	if record.Fingerprint != q.record.Fingerprint {
		return true, &CommandReusedError{AggregateID: c.id, ID: q.command.ID}
	}
	if q.wantEvents {
		q.events = nil
		if record.Last == record.After {
			return true, nil
		}
		for e, err := range sup.store.Events(ctx, c.id, store.Range{After: record.After, Max: record.Last}) {
			if err != nil {
				return true, fmt.Errorf("aggregate: read events: %w", err)
			}
			q.events = append(q.events, e)
		}
	}
	if q.wantState {
		q.state, err = c.stateAt(q, record.Last)
	}
	return true, err
}

func (c *cell[S]) stateAt(q *request, s types.Sequence) (any, error) {
	if s == 0 {
		return c.root.kind.initial()
	}
	l, err := c.root.kind.hydrate(c.background(q.ctx), c.family.sup.store, c.id, s)
	return l.state, err
}
