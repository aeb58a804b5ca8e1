package inspect

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/eventmaestro/maestro/hlc"
)

// printer writes what was found, in this order: begin, events, snapshot if there is one, end. Each
// takes what is wrong with its part.
type printer interface {
	begin(id hlc.Timestamp) error
	event(r row, wrong []string) error
	snapshot(s snapshot, compared bool, wrong []string) error
	end(s summary, wrong []string) error
}

type summary struct {
	Rows     int   `json:"rows"`
	First    int64 `json:"first"`
	Last     int64 `json:"last"`
	Problems int   `json:"problems"`
}

// textPrinter writes a line an event, and one for each problem below it.
type textPrinter struct {
	w   io.Writer
	err error
}

func (p *textPrinter) printf(format string, args ...any) error {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
	return p.err
}

func (p *textPrinter) wrong(wrong []string) error {
	for _, text := range wrong {
		_ = p.printf("       ! %s\n", text)
	}
	return p.err
}

func (p *textPrinter) begin(id hlc.Timestamp) error { return p.printf("aggregate %v\n", id) }

func (p *textPrinter) event(r row, wrong []string) error {
	when, node := fmt.Sprintf("%x", r.stamp), "?"
	if t, err := hlc.FromBytes(r.stamp); err == nil {
		when = fmt.Sprintf("%s-%04X", t.Time().Format("2006-01-02T15:04:05.000Z"), t.Counter())
		node = fmt.Sprintf("%016X", t.Node())
	}
	_ = p.printf("%8d %s node %s %s %s", r.sequence, when, node, r.name, r.body)
	if r.metadata != nil {
		_ = p.printf(" metadata %s", *r.metadata)
	}
	_ = p.printf("\n")
	return p.wrong(wrong)
}

func (p *textPrinter) snapshot(s snapshot, compared bool, wrong []string) error {
	how := "not compared with a replay"
	if compared {
		how = "compared with a replay"
	}
	_ = p.printf("snapshot at %d %s (%s)\n", s.sequence, s.body, how)
	return p.wrong(wrong)
}

func (p *textPrinter) end(s summary, wrong []string) error {
	_ = p.wrong(wrong)
	found := "nothing wrong"
	if s.Problems > 0 {
		found = count(s.Problems, "problem")
	}
	if s.Rows == 0 {
		return p.printf("0 events: %s\n", found)
	}
	return p.printf("%s, sequences %d to %d: %s\n", count(s.Rows, "event"), s.First, s.Last, found)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// jsonPrinter writes an object a line: {"event": …}, {"snapshot": …}, {"summary": …}.
type jsonPrinter struct {
	w  io.Writer
	id hlc.Timestamp
}

type jsonEvent struct {
	Sequence  int64           `json:"sequence"`
	Timestamp string          `json:"timestamp"`
	Node      string          `json:"node,omitempty"`
	Type      string          `json:"type"`
	Body      json.RawMessage `json:"body"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
	Problems  []string        `json:"problems,omitempty"`
}

type jsonSnapshot struct {
	Sequence int64           `json:"sequence"`
	Body     json.RawMessage `json:"body"`
	Compared bool            `json:"compared"` // with a replay
	Problems []string        `json:"problems,omitempty"`
}

type jsonSummary struct {
	AggregateID string `json:"aggregate_id"`
	summary
	Wrong []string `json:"wrong,omitempty"`
}

func (p *jsonPrinter) line(name string, v any) error {
	e := json.NewEncoder(p.w)
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{name: v})
}

func (p *jsonPrinter) begin(id hlc.Timestamp) error {
	p.id = id
	return nil
}

func (p *jsonPrinter) event(r row, wrong []string) error {
	e := jsonEvent{
		Sequence: r.sequence, Timestamp: fmt.Sprintf("%x", r.stamp), Type: r.name,
		Body: json.RawMessage(r.body), Metadata: raw(r.metadata), Problems: wrong,
	}
	if t, err := hlc.FromBytes(r.stamp); err == nil {
		e.Timestamp, e.Node = t.String(), fmt.Sprintf("%016X", t.Node())
	}
	return p.line("event", e)
}

func (p *jsonPrinter) snapshot(s snapshot, compared bool, wrong []string) error {
	return p.line("snapshot", jsonSnapshot{Sequence: s.sequence, Body: json.RawMessage(s.body), Compared: compared, Problems: wrong})
}

func (p *jsonPrinter) end(s summary, wrong []string) error {
	return p.line("summary", jsonSummary{AggregateID: p.id.String(), summary: s, Wrong: wrong})
}
