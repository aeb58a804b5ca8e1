package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// tailRow is an event and what says when it became visible.
type tailRow struct {
	types.Event
	number uint64 // of its transaction; 0 for an event from before there were numbers
	asked  bool   // it is of the tail's types
}

// window is what is to be handed out next, and the place behind it.
type window struct {
	rows []*tailRow // in the order of aggregates and sequences
	then place
	more bool // there is more to come at once
}

// question is what window reads first.
func (w *tailWorker) question(p place, limit snapshot) (sql string, args []any) {
	from := p.seenOrNothing()
	switch {
	case p.seen == nil:
		sql = w.t.sql.first
	case p.until != nil:
		sql = w.t.sql.sweep
	default:
		return w.t.sql.window, []any{
			w.t.types(), p.parts, p.part, list(from.late(limit)), number(from.max), number(limit.max), list(limit.without), w.t.o.MaxBatch + 1,
		}
	}
	return sql, []any{
		w.t.types(), p.parts, p.part, number(from.max), list(from.without),
		number(p.until.max), list(p.until.without), p.afterAggregate[:], int32(p.afterSequence), w.t.o.MaxBatch,
	}
}

// window reads what comes after the place p and is shown by limit, which contains the place:
// MaxBatch rows at most. The answer to its question may be there already.
func (w *tailWorker) window(ctx context.Context, tx pgx.Tx, p place, limit snapshot, ahead *[]*tailRow) (*window, error) {
	if p.seen == nil && p.until == nil {
		p.until = &nothing // first what was there before there were numbers
	}
	if p.until != nil {
		swept, err := w.sweep(ctx, tx, p, ahead)
		if err != nil || len(swept.rows) > 0 || swept.more {
			return swept, err
		}
		p, ahead = swept.then, nil
	}
	asked := p
	if from := p.seenOrNothing(); w.idle.contains(from) && limit.contains(w.idle) {
		asked.seen = &w.idle
	}
	rows, err := w.answer(ctx, tx, asked, limit, ahead)
	if err != nil {
		return nil, err
	}
	cut := len(rows) > w.t.o.MaxBatch
	if cut {
		if limit, rows, err = w.cut(ctx, tx, asked, rows, limit); err != nil {
			return nil, err
		}
	}
	if rows == nil && cut {
		p.until, p.afterAggregate, p.afterSequence = &limit, hlc.Timestamp{}, 0
		return w.sweep(ctx, tx, p, nil)
	}
	if !cut {
		w.rows.sort(rows)
	}
	p.seen = &limit
	return &window{rows: rows, then: p, more: cut}, nil
}

// tailKey is what rows are sorted by, in one piece: to follow a pointer for each comparison takes
// longer than the rest.
type tailKey struct {
	high, low uint64
	sequence  types.Sequence
	row       *tailRow
}

// sort brings rows into the order of aggregates and sequences.
func (t *tailRows) sort(rows []*tailRow) {
	t.keys = t.keys[:0]
	for _, r := range rows {
		high, low := binary.BigEndian.Uint64(r.AggregateID[:8]), binary.BigEndian.Uint64(r.AggregateID[8:])
		t.keys = append(t.keys, tailKey{high, low, r.Sequence, r})
	}
	slices.SortFunc(t.keys, func(a, b tailKey) int {
		switch {
		case a.high != b.high:
			return cmp.Compare(a.high, b.high)
		case a.low != b.low:
			return cmp.Compare(a.low, b.low)
		}
		return cmp.Compare(a.sequence, b.sequence)
	})
	for i := range t.keys {
		rows[i] = t.keys[i].row
	}
}

// sweep reads the next rows of the window that is under way.
func (w *tailWorker) sweep(ctx context.Context, tx pgx.Tx, p place, ahead *[]*tailRow) (*window, error) {
	rows, err := w.answer(ctx, tx, p, snapshot{}, ahead)
	if err != nil {
		return nil, err
	}
	then := p
	if len(rows) < w.t.o.MaxBatch {
		then.seen, then.until = p.until, nil
	} else {
		end := rows[len(rows)-1]
		then.afterAggregate, then.afterSequence = end.AggregateID, end.Sequence
	}
	if p.known {
		then.known = then.until != nil
		if rows, err = w.unknown(ctx, tx, rows); err != nil {
			return nil, err
		}
	}
	return &window{rows: rows, then: then, more: then.until != nil || len(rows) > 0}, nil
}

// unknown leaves out the events that the consumer says it has.
func (w *tailWorker) unknown(ctx context.Context, tx pgx.Tx, rows []*tailRow) ([]*tailRow, error) {
	if w.t.o.Known == nil || len(rows) == 0 {
		return rows, nil
	}
	var ids []hlc.Timestamp
	for _, r := range rows {
		if len(ids) == 0 || ids[len(ids)-1] != r.AggregateID {
			ids = append(ids, r.AggregateID)
		}
	}
	known, err := w.t.o.Known(ctx, borrowedTx{tx, errTailTx}, ids)
	if err != nil {
		return nil, fmt.Errorf("what is known: %w", err)
	}
	return slices.DeleteFunc(rows, func(r *tailRow) bool { return r.Sequence <= known[r.AggregateID] }), nil
}

// answer reads what question asks for, unless that was done.
func (w *tailWorker) answer(ctx context.Context, tx pgx.Tx, p place, limit snapshot, ahead *[]*tailRow) ([]*tailRow, error) {
	if ahead != nil {
		return *ahead, nil
	}
	sql, args := w.question(p, limit)
	if w.onReplica(ctx, ctx, p.cluster, &w.rows, sql, args) == nil {
		return w.rows.all, nil
	}
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	err = w.decode(rows, &w.rows)
	return w.rows.all, err
}

// tailRows are the rows that were read last. Their memory is used again for the next.
type tailRows struct {
	chunks [][]tailRow
	all    []*tailRow
	keys   []tailKey
}

// tailChunk is how many rows are allocated at once.
const tailChunk = 256

func (t *tailRows) next() *tailRow {
	n := len(t.all)
	if n/tailChunk == len(t.chunks) {
		t.chunks = append(t.chunks, make([]tailRow, tailChunk))
	}
	r := &t.chunks[n/tailChunk][n%tailChunk]
	*r = tailRow{}
	t.all = append(t.all, r)
	return r
}

// decode decodes the columns that every query for events has. What was there before is overwritten.
func (w *tailWorker) decode(rows pgx.Rows, into *tailRows) error {
	defer rows.Close()
	d := decoder{metadata: w.t.o.Metadata, log: w.t.o.Logger}
	into.all = into.all[:0]
	for rows.Next() {
		if err := d.tailRow(rows, into.next()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// tailRow reads one row: aggregate, sequence, transaction, timestamp, type, body or NULL, metadata
// if there is such a column.
func (d *decoder) tailRow(rows pgx.Rows, r *tailRow) error {
	values, fields := rows.RawValues(), rows.FieldDescriptions()
	var err, bad error
	if r.AggregateID, err = timestampValue(values[0], fields[0].Format); err != nil {
		bad = fault("aggregate_id", err)
	}
	if r.Sequence, err = intValue(values[1], fields[1].Format); err != nil {
		bad = fault("sequence", err)
	}
	if values[2] != nil {
		if r.number, err = numberValue(values[2], fields[2].Format); err != nil {
			bad = fault("transaction_id", err)
		}
	}
	if r.Timestamp, err = timestampValue(values[3], fields[3].Format); err != nil {
		bad = fault("timestamp", err)
	}
	if r.asked = values[5] != nil; !r.asked || bad != nil {
		return bad
	}
	r.Type = d.name(values[4])
	body, err := jsonValue(values[5], fields[5].Format)
	if err != nil {
		return fault("body", err)
	}
	r.Body = d.keep(body)
	if d.metadata && values[6] != nil {
		if r.Metadata, err = d.metadataOf(values[6], fields[6].Format); err != nil {
			return fault("metadata", err)
		}
	}
	return nil
}

func numberValue(raw []byte, format int16) (uint64, error) {
	if format == pgx.TextFormatCode {
		return strconv.ParseUint(string(raw), 10, 64)
	}
	if len(raw) != 8 {
		return 0, errors.New("is not 8 bytes long")
	}
	return binary.BigEndian.Uint64(raw), nil
}
