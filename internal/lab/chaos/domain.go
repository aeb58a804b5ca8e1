package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// ceiling is the highest value of a counter, so that commands are refused now and then.
const ceiling = 1000

// counter is the state of the aggregates. Its digest depends on every event and their order.
type counter struct {
	Value  int    `json:"value"`
	Events int    `json:"events"`
	Digest uint32 `json:"digest"`
}

// change is the body of every event: its token names the command and the part of it.
type change struct {
	Token string `json:"token"`
	By    int    `json:"by"`
	To    *int   `json:"to,omitempty"`    // instead of By
	Spoil bool   `json:"spoil,omitempty"` // the table refuses it, which the library can't foresee
}

// after is the state after one more event.
func (c counter) after(e change) counter {
	if e.To != nil {
		c.Value = *e.To
	} else {
		c.Value += e.By
	}
	h := fnv.New32a()
	_ = binary.Write(h, binary.BigEndian, c.Digest)
	_, _ = h.Write([]byte(e.Token))
	c.Events, c.Digest = c.Events+1, h.Sum32()
	return c
}

// request is a command's data. It is written into the journal as it is.
type request struct {
	Token string `json:"token,omitempty"`
	By    int    `json:"by,omitempty"`    // each of so many events …
	Parts int    `json:"parts,omitempty"` // … refused where the value would leave 0..ceiling
	To    int    `json:"to,omitempty"`    // with Parts 0: one event, or none if the value is as high
	Spoil bool   `json:"spoil,omitempty"` // an event that the table refuses
}

// decide is what the handler does, and the model of the check for linearizability as well.
func (q request) decide(value int) (events []change, ok bool) {
	if q.Spoil {
		return nil, false
	}
	if q.Parts == 0 {
		if value < q.To {
			events = []change{{Token: q.Token + ".0", To: &q.To}}
		}
		return events, true
	}
	if total := value + q.By*q.Parts; total < 0 || total > ceiling {
		return nil, false
	}
	for i := range q.Parts {
		events = append(events, change{Token: fmt.Sprintf("%s.%d", q.Token, i), By: q.By})
	}
	return events, true
}

// command names the command whose event has the token.
func (e change) command() string {
	name, _, _ := strings.Cut(e.Token, ".")
	return name
}

func evaluate(_ context.Context, current aggregate.Instance[counter], q request) (made []types.Uncommitted, _ error) {
	events, ok := q.decide(current.State.Value)
	if q.Spoil {
		events, ok = []change{{Token: q.Token + ".0", Spoil: true}}, true
	}
	if !ok {
		return nil, aggregate.Reject("%d is too far", q.By*q.Parts)
	}
	for _, e := range events {
		made = append(made, types.NewEvent("changed", e))
	}
	return made, nil
}

// definition is that of both roots; the second one keeps a table beside the log.
func definition(name string) aggregate.Definition[counter] {
	d := aggregate.Definition[counter]{
		Name:      name,
		Commands:  aggregate.Commands[counter]{"change": aggregate.Command(evaluate)},
		Events:    aggregate.Events[counter]{"changed": aggregate.Event(counter.after)},
		Snapshots: aggregate.SnapshotPolicy{Every: 50},
	}
	if name == "projected" {
		d.Projections = []store.Projection{postgres.BatchProjection(project)}
	}
	return d
}

// projectionSQL makes the table that the projection keeps, and lets the log refuse some events. It
// counts instead of copying, so that an event that it is shown twice, or never, leaves a trace.
const projectionSQL = `CREATE TABLE chaos_projection (
	aggregate_id bytea PRIMARY KEY, sequence integer NOT NULL, value integer NOT NULL, events integer NOT NULL);
ALTER TABLE event_log ADD CONSTRAINT chaos_spoiled CHECK (NOT body ? 'spoil')`

func project(b *pgx.Batch, e types.Event) error {
	var c change
	if err := json.Unmarshal(e.Body, &c); err != nil {
		return err
	}
	first := c.By
	if c.To != nil {
		first = *c.To
	}
	b.Queue(`INSERT INTO chaos_projection AS p VALUES ($1, $2, $3, 1)
ON CONFLICT (aggregate_id) DO UPDATE SET sequence = excluded.sequence, events = p.events + 1,
value = CASE WHEN $4::boolean THEN excluded.value ELSE p.value + excluded.value END`,
		e.AggregateID[:], int32(e.Sequence), int32(first), c.To != nil)
	return nil
}

// field is where the aggregates are: in every period there are new ones, so that the history of
// each stays short enough to be searched for an order.
type field struct {
	Began  time.Time     `json:"began"`
	Period time.Duration `json:"period"`
	Size   int           `json:"size"` // aggregates of a period
}

// period is the number of the present one.
func (f field) period() int { return int(time.Since(f.Began) / f.Period) }

// id names the aggregates: the same in all processes.
func (f field) id(period, index int) (id hlc.Timestamp) {
	binary.BigEndian.PutUint64(id[:8], uint64(f.Began.UnixMilli())<<16|uint64(index))
	binary.BigEndian.PutUint64(id[8:], uint64(period)+1)
	return id
}

// place is the reverse of id.
func (f field) place(id hlc.Timestamp) (period, index int) {
	return int(id.Node()) - 1, int(binary.BigEndian.Uint16(id[6:8]))
}

// rootOf tells which root an aggregate belongs to.
func rootOf(index int) int { return index % 2 }

var rootNames = [2]string{"plain", "projected"}
