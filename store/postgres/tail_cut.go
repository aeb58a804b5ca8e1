package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// cut finds a snapshot below limit that shows at most MaxBatch of the rows. The snapshot is closed,
// as the server's own are. cut begins with the transactions below the last one that was read. It
// takes out those with an event whose predecessor is not shown. If nothing is left it returns no
// rows, and a snapshot whose window has to be swept.
func (w *tailWorker) cut(ctx context.Context, tx pgx.Tx, p place, rows []*tailRow, limit snapshot) (snapshot, []*tailRow, error) {
	slices.SortStableFunc(rows, func(a, b *tailRow) int { return cmp.Compare(a.number, b.number) })
	first, last := rows[0].number, rows[w.t.o.MaxBatch].number
	// Otherwise the rows of one transaction, or of some that ended late, are more than a batch.
	if last >= p.seenOrNothing().max && first != last {
		shown := limit.below(last)
		end, _ := slices.BinarySearchFunc(rows, last, func(r *tailRow, x uint64) int { return cmp.Compare(r.number, x) })
		rows = rows[:end]
		w.rows.sort(rows)
		out, err := w.followers(ctx, tx, rows, shown)
		if err != nil {
			return limit, nil, err
		}
		if rows = slices.DeleteFunc(rows, func(r *tailRow) bool { return out[r.number] }); len(rows) > 0 {
			return shown.minus(out), rows, nil
		}
	}
	shown, err := w.reach(ctx, tx, p, last+1, limit)
	return shown, nil, err
}

// tailReach is how many batches are swept at once, if so many are needed.
const tailReach = 64

// reach finds a snapshot for cut whose window has to be swept. It tries all transactions below a
// number, and if that shows nothing new, more and more batches. In the end it takes limit itself,
// which can be all that there is.
func (w *tailWorker) reach(ctx context.Context, tx pgx.Tx, p place, below uint64, limit snapshot) (snapshot, error) {
	below = max(below, p.seenOrNothing().max)
	for batches := 8; ; batches *= 8 {
		shown, some, err := w.closed(ctx, tx, p, limit.below(below))
		if err != nil || some {
			return shown, err
		}
		var text string
		err = tx.QueryRow(ctx, w.t.sql.bound, number(limit.max), p.parts, p.part, number(p.seenOrNothing().max), batches*w.t.o.MaxBatch).Scan(&text)
		switch {
		case errors.Is(err, pgx.ErrNoRows), err == nil && batches > tailReach:
			return limit, nil
		case err != nil:
			return limit, err
		}
		if below, err = strconv.ParseUint(text, 10, 64); err != nil {
			return limit, err
		}
	}
}

// closed takes the transactions out of a snapshot that follow an event which it does not show. It
// reports whether the rest shows events that the place lacks.
func (w *tailWorker) closed(ctx context.Context, tx pgx.Tx, p place, shown snapshot) (_ snapshot, some bool, err error) {
	from := p.seenOrNothing()
	for {
		args := []any{number(shown.max), p.parts, p.part, number(from.max), list(from.late(shown)), list(shown.without)}
		rows, err := tx.Query(ctx, w.t.sql.followers, args...)
		if err != nil {
			return shown, false, err
		}
		out := map[uint64]bool{}
		var text string
		_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
			x, err := strconv.ParseUint(text, 10, 64)
			out[x] = true
			return err
		})
		if err != nil {
			return shown, false, err
		}
		if len(out) == 0 {
			err = tx.QueryRow(ctx, w.t.sql.some, args...).Scan(&some)
			return shown, some, err
		}
		shown = shown.minus(out)
	}
}

// followers returns the transactions to take out of a snapshot: those with an event whose
// predecessor the snapshot does not show, and those that follow one of them. The rows are sorted.
func (w *tailWorker) followers(ctx context.Context, tx pgx.Tx, rows []*tailRow, shown snapshot) (map[uint64]bool, error) {
	out := map[uint64]bool{}
	var before *tailRow
	var ids [][]byte
	var sequences []int32
	var numbers []uint64
	for _, r := range rows {
		follows := before != nil && before.AggregateID == r.AggregateID && before.Sequence == r.Sequence-1
		if !follows && r.Sequence > 1 && w.last[r.AggregateID] < r.Sequence-1 {
			ids, sequences, numbers = append(ids, r.AggregateID[:]), append(sequences, int32(r.Sequence-1)), append(numbers, r.number)
		}
		before = r
	}
	if len(ids) > 0 {
		found, err := tx.Query(ctx, w.t.sql.predecessors, ids, sequences, number(shown.max), list(shown.without))
		if err != nil {
			return nil, err
		}
		var n int64
		if _, err := pgx.ForEachRow(found, []any{&n}, func() error { out[numbers[n-1]] = true; return nil }); err != nil {
			return nil, err
		}
	}
	for grown := len(out) > 0; grown; {
		grown = false
		for i := 1; i < len(rows); i++ {
			a, b := rows[i-1], rows[i]
			if a.AggregateID == b.AggregateID && out[a.number] && !out[b.number] {
				out[b.number], grown = true, true
			}
		}
	}
	return out, nil
}
