package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// increments is a commit that an aggregate's root would make.
func increments(id hlc.Timestamp, s types.Sequence, by int, projections ...store.Projection) store.Commit {
	return store.Commit{
		AggregateID: id, Projections: projections,
		Events: []types.Event{{
			Timestamp: now(), AggregateID: id, Sequence: s,
			Type: "counter_incremented", Body: json.RawMessage(fmt.Sprintf(`{"by":%d}`, by)),
		}},
	}
}

func ExampleNew() {
	ctx := context.Background()
	s := memory.New()
	id := now()
	fmt.Println(s.Commit(ctx, increments(id, 1, 3)))
	fmt.Println(errors.Is(s.Commit(ctx, increments(id, 1, 4)), store.ErrConflict))
	for e, err := range s.Events(ctx, id, store.Range{}) {
		fmt.Println(e.Sequence, e.Type, string(e.Body), err)
	}
	// Output:
	// <nil>
	// true
	// 1 counter_incremented {"by": 3} <nil>
}

// A projection keeps a table of sums. A commit that one of its events makes impossible is refused
// with all that it wrote.
func ExampleProjection() {
	ctx := context.Background()
	s := memory.New()
	sums := memory.NewTable[hlc.Timestamp, int](s)
	add := memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		var body struct{ By int }
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return err
		}
		rows := sums.In(tx)
		sum, _ := rows.Get(e.AggregateID)
		if sum+body.By > 10 {
			return errors.New("more than ten")
		}
		rows.Put(e.AggregateID, sum+body.By)
		return nil
	})

	id := now()
	for i, by := range []int{3, 4, 5} {
		err := s.Commit(ctx, increments(id, types.Sequence(i+1), by, add))
		var refused *store.ProjectionError
		if errors.As(err, &refused) {
			fmt.Println("refused:", refused.Err)
		}
	}
	sum, _ := sums.Get(id)
	fmt.Println("sum", sum, "of", sums.Len())
	// Output:
	// refused: more than ten
	// sum 7 of 1
}

// Two aggregates change together, or neither.
func ExampleStore_BeginTx() {
	ctx := context.Background()
	s := memory.New()
	from, to := now(), now()

	tx, _ := s.BeginTx(ctx)
	defer tx.Abort(ctx)
	if err := tx.Commit(ctx, increments(from, 1, -5)); err != nil {
		fmt.Println(err)
	}
	if err := tx.Commit(ctx, increments(to, 1, 5)); err != nil {
		fmt.Println(err)
	}
	count := func() (n int) {
		for _, id := range []hlc.Timestamp{from, to} {
			for _, err := range s.Events(ctx, id, store.Range{}) {
				if err == nil {
					n++
				}
			}
		}
		return n
	}
	fmt.Println("before:", count())
	fmt.Println(tx.End(ctx))
	fmt.Println("after:", count())
	// Output:
	// before: 0
	// <nil>
	// after: 2
}
