package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// ceiling is the highest value that a ledger may have, so that commands are refused now and then.
const ceiling = 40

// ledger is the state of the simulated aggregates. It contains memory that can be shared by
// mistake, and it contains its own history: a token for each event.
type ledger struct {
	Value  int            `json:"value"`
	Tokens []string       `json:"tokens"`
	Kinds  map[string]int `json:"kinds"` // how many events of each kind
}

// note is the body of all events. The token says what the event does, so that a list of tokens
// is enough to work the value out again.
type note struct {
	Token string `json:"token"`
}

// Commands. Each carries the token of its events.
type (
	add struct { // Parts events of By each; refused where the value would leave 0..ceiling
		Token     string
		By, Parts int
		Yield     bool // the handler waits at the gate
	}
	raise struct { // one event, or none if the value is To already, or higher
		Token string
		To    int
		Yield bool
	}
	fail struct { // never leaves an event
		Token string
		How   string
	}
)

// How a fail fails.
const (
	failPanic      = "panic"      // in the command handler
	failUnknown    = "unknown"    // an event type without a handler
	failBody       = "body"       // a body that is not JSON
	failApply      = "apply"      // an event handler's error, after it changed the state in place
	failApplyPanic = "applypanic" // its panic, likewise
	failProjection = "projection" // a projection that refuses
)

var errCursed = errors.New("sim: cursed event")

func tokenAdd(id string, part, by int) string { return fmt.Sprintf("%s.%d%+d", id, part, by) }
func tokenRaise(id string, to int) string     { return fmt.Sprintf("%s.0=%d", id, to) }

// commandOf returns the part of a token that names its command.
func commandOf(token string) string {
	id, _, _ := strings.Cut(token, ".")
	return id
}

// advance works out the value after the event with that token.
func advance(value int, token string) int {
	_, act, _ := strings.Cut(token, ".")
	i := strings.IndexAny(act, "+-=")
	n, err := strconv.Atoi(strings.TrimPrefix(act[i:], "="))
	if err != nil {
		panic("sim: token " + token)
	}
	if act[i] == '=' {
		return n
	}
	return value + n
}

// decideAdd and decideRaise are what handlers and the model of the linearizability check share.
func decideAdd(value int, c add) (events int, ok bool) {
	after := value + c.Parts*c.By
	return c.Parts, after >= 0 && after <= ceiling
}

func decideRaise(value int, c raise) (events int) {
	if value >= c.To {
		return 0
	}
	return 1
}

// definition returns the root of the life's node. Projections are given to one of the roots only.
func (l *life) definition(name string) aggregate.Definition[ledger] {
	d := aggregate.Definition[ledger]{
		Name: name,
		Commands: aggregate.Commands[ledger]{
			"add":   handler(l, l.add),
			"raise": handler(l, l.raise),
			"fail":  handler(l, l.fail),
		},
		Events: aggregate.Events[ledger]{"cursed": aggregate.EventFunc[ledger](l.curse)},
	}
	for _, kind := range []string{"added", "raised", "refused"} {
		d.Events[kind] = aggregate.EventFunc[ledger](l.apply)
	}
	l.w.scene.configure(&d)
	return d
}

// handler watches over the calls of f: one at a time, on a state that agrees with its own history.
func handler[C any](l *life, f func(context.Context, ledger, C) ([]types.Uncommitted, error)) aggregate.CommandHandler[ledger] {
	return aggregate.Command(func(ctx context.Context, current aggregate.Instance[ledger], c C) ([]types.Uncommitted, error) {
		defer l.busy(current.ID)()
		l.w.seen(fmt.Sprintf("%s handler", l.name), current.ID, current.Sequence, current.State)
		return f(ctx, current.State, c)
	})
}

func (l *life) add(ctx context.Context, s ledger, c add) ([]types.Uncommitted, error) {
	l.yield(ctx, c.Yield, c.Token)
	parts, ok := decideAdd(s.Value, c)
	if !ok {
		return nil, aggregate.Reject("%d%+d is out of range", s.Value, c.Parts*c.By)
	}
	events := make([]types.Uncommitted, parts)
	for i := range events {
		events[i] = types.NewEvent("added", note{tokenAdd(c.Token, i, c.By)})
	}
	return events, nil
}

func (l *life) raise(ctx context.Context, s ledger, c raise) ([]types.Uncommitted, error) {
	l.yield(ctx, c.Yield, c.Token)
	if decideRaise(s.Value, c) == 0 {
		return nil, nil
	}
	return types.Events(types.NewEvent("raised", note{tokenRaise(c.Token, c.To)})), nil
}

func (l *life) fail(_ context.Context, _ ledger, c fail) ([]types.Uncommitted, error) {
	good := types.NewEvent("added", note{tokenAdd(c.Token, 0, 1)})
	switch c.How {
	case failPanic:
		panic(errCursed)
	case failUnknown:
		return types.Events(good, types.NewEvent("nobody_knows", note{})), nil
	case failBody:
		return types.Events(good, types.NewEvent("added", json.RawMessage(`{"token":`))), nil
	case failProjection:
		return types.Events(good, types.NewEvent("refused", note{tokenAdd(c.Token, 1, 0)})), nil
	}
	return types.Events(good, types.NewEvent("cursed", note{c.How})), nil
}

// apply brings a state forward in place, which it may.
func (l *life) apply(s ledger, e types.Event) (ledger, error) {
	defer l.busy(e.AggregateID)()
	var n note
	if err := json.Unmarshal(e.Body, &n); err != nil {
		return s, err
	}
	s.Value = advance(s.Value, n.Token)
	s.Tokens = append(s.Tokens, n.Token)
	if s.Kinds == nil {
		s.Kinds = map[string]int{}
	}
	s.Kinds[e.Type]++
	return s, nil
}

// curse spoils the state and gives up.
func (l *life) curse(s ledger, e types.Event) (ledger, error) {
	defer l.busy(e.AggregateID)()
	s.Value = -1
	if s.Kinds != nil {
		s.Kinds["cursed"]++
	}
	if len(s.Tokens) > 0 {
		s.Tokens[0] = "cursed.0+0"
	}
	if strings.Contains(string(e.Body), failApplyPanic) {
		panic(errCursed)
	}
	return s, errCursed
}
