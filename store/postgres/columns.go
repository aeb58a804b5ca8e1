package postgres

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgtype"
)

// columns hold events the way unnest wants them: an array a column. The ids and types are the
// caller's memory, which nobody touches while the commit is under way.
type columns struct {
	timestamps, aggregates pgtype.FlatArray[[]byte] // a plain [][]byte would be encoded by reflection
	sequences              []int32
	types, bodies          []string
	metadata               []string
	predecessors           pgtype.FlatArray[[]byte] // see guardOf

	lengths []int // of the bodies, until they are cut out of text
	text    strings.Builder
}

func (c *columns) add(e *types.Event, guard []byte, metadata string) {
	c.timestamps = append(c.timestamps, e.Timestamp[:])
	c.aggregates = append(c.aggregates, e.AggregateID[:])
	c.sequences = append(c.sequences, int32(e.Sequence))
	c.types = append(c.types, e.Type)
	c.metadata = append(c.metadata, metadata)
	c.predecessors = append(c.predecessors, guard)
	c.text.Write(e.Body)
	c.lengths = append(c.lengths, len(e.Body))
}

// arguments appends the columns as a statement's arguments. The bodies become strings, in one
// allocation for all of them, because the simple and the exec mode of pgx would send []byte as a
// bytea.
func (c *columns) arguments(to []any, metadata bool) []any {
	rest := c.text.String()
	for _, n := range c.lengths {
		c.bodies = append(c.bodies, rest[:n])
		rest = rest[n:]
	}
	to = append(to, c.timestamps, c.aggregates, c.sequences, c.types, c.bodies, c.predecessors)
	if metadata {
		to = append(to, c.metadata)
	}
	return to
}

func (c *columns) reset() {
	clear(c.timestamps)
	clear(c.aggregates)
	clear(c.types)
	clear(c.bodies)
	clear(c.metadata)
	clear(c.predecessors)
	*c = columns{
		timestamps: c.timestamps[:0], aggregates: c.aggregates[:0], sequences: c.sequences[:0],
		types: c.types[:0], bodies: c.bodies[:0], metadata: c.metadata[:0], lengths: c.lengths[:0],
		predecessors: c.predecessors[:0],
	}
}

// columnsPool keeps the arrays of finished statements for the next.
type columnsPool struct{ pool sync.Pool }

// keepRows is the longest array worth keeping.
const keepRows = 4096

func (p *columnsPool) get() *columns {
	if c, ok := p.pool.Get().(*columns); ok {
		return c
	}
	return &columns{}
}

func (p *columnsPool) put(c *columns) {
	if cap(c.sequences) > keepRows {
		return
	}
	c.reset()
	p.pool.Put(c)
}

// guardOf is what a statement checks before event i of c. NULL checks nothing: the event is the
// aggregate's first, or comes with its predecessor. An empty text asks for any event, and another
// one for the event with that timestamp.
func guardOf(c *store.Commit, i int) []byte {
	switch {
	case i > 0 || c.Events[0].Sequence == 1:
		return nil
	case c.Predecessor.IsZero():
		return []byte{}
	}
	return c.Predecessor[:]
}

// decidedOn is the timestamp of the event that p, which has records and no events, was decided on,
// or nil if that is not known.
func (p *pending) decidedOn() []byte {
	c := p.commit
	if len(c.Events) > 0 || c.Predecessor.IsZero() || c.Commands[0].After == 0 {
		return nil
	}
	return c.Predecessor[:]
}

// span returns the first and the last sequence of p's events. Without events the last is the one
// that the records were decided on, and the first is the one after it.
func (p *pending) span() (first, last types.Sequence) {
	if c := p.commit; len(c.Events) > 0 {
		return c.Events[0].Sequence, c.Events[len(c.Events)-1].Sequence
	}
	return p.commit.Commands[0].After + 1, p.commit.Commands[0].After
}

// metadataText is the stored form of m; empty stands for NULL.
func metadataText(m types.Metadata) string {
	if m.IsZero() {
		return ""
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic("postgres: metadata holds nothing but strings: " + err.Error())
	}
	return string(text)
}
