package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

var errTextTaken = aggregate.Reject("the text is taken")

const insertText = `INSERT INTO texts (text) VALUES ($1)`

func textOf(e types.Event) (string, error) {
	var n noted
	err := json.Unmarshal(e.Body, &n)
	return n.Text, err
}

// onEveryRefusal runs a test with projections that keep the texts of notes unique, in every form
// that there is. open makes another process.
func onEveryRefusal(t *testing.T, test func(t *testing.T, open func() process)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		texts := memory.NewTable[string, hlc.Timestamp](s)
		p := memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
			text, err := textOf(e)
			if err == nil && errors.Is(texts.In(tx).Insert(text, e.AggregateID), memory.ErrExists) {
				return errTextTaken
			}
			return err
		})
		test(t, func() process { return projectedProcess(t, s, p) })
	})
	direct := func(refusals postgres.Refusals) store.Projection {
		return postgres.Projection(func(ctx context.Context, tx pgx.Tx, e types.Event) error {
			text, err := textOf(e)
			if err == nil {
				_, err = tx.Exec(ctx, insertText, text)
			}
			return err
		}, refusals)
	}
	batched := func(refusals postgres.Refusals) store.Projection {
		return postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
			text, err := textOf(e)
			b.Queue(insertText, text)
			return err
		}, postgres.Refusals{"of_another_table": errors.New("never")}, refusals)
	}
	for form, projection := range map[string]func(postgres.Refusals) store.Projection{"direct": direct, "batched": batched} {
		for _, when := range []string{"", "DEFERRABLE INITIALLY DEFERRED"} {
			t.Run(form+" "+when, func(t *testing.T) {
				t.Parallel()
				pool := pgtest.With(t, &migrations.Options{Commands: true}, fewConnections)
				_, err := pool.Exec(t.Context(), `CREATE TABLE texts (text text CONSTRAINT taken UNIQUE `+when+`)`)
				require.NoError(t, err)
				test(t, func() process {
					return projectedProcess(t, pgtest.Store(t, pool, &postgres.Options{Commands: true}), projection(postgres.Refusals{"taken": errTextTaken}))
				})
			})
		}
	}
}

func projectedProcess(t *testing.T, s store.Adapter, p store.Projection) process {
	t.Helper()
	sup := newSupervisor(t, s, nil)
	root, err := aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Projections = []store.Projection{p} }))
	require.NoError(t, err)
	return process{sup: sup, root: root}
}

func refusedForItsText(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, aggregate.ErrRejected)
	require.ErrorIs(t, err, errTextTaken)
	require.Equal(t, "the text is taken", aggregate.ClientText(err))
	var projection *store.ProjectionError
	require.ErrorAs(t, err, &projection, "for the log")
}

func TestAProjectionMaySayThatItIsARefusal(t *testing.T) {
	t.Parallel()
	onEveryRefusal(t, func(t *testing.T, open func() process) {
		a, b := open(), open()
		first, second := newID(t, a.root), newID(t, a.root)
		write := func(p process, id hlc.Timestamp, key string, texts ...string) error {
			return p.root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "note", Data: note{texts}, ID: key})
		}
		require.NoError(t, write(a, first, "1", "x"))
		err := write(b, second, "2", "y", "x")
		refusedForItsText(t, err)
		require.EqualError(t, err, "the text is taken")
		require.NoError(t, write(b, second, "2", "y"), "a command that was refused has no outcome")
		require.NoError(t, write(b, first, "1", "x"), "a repeat in another process")

		err = a.both(t.Context(),
			types.Command{AggregateID: first, Type: "note", Data: note{[]string{"z"}}},
			types.Command{AggregateID: second, Type: "note", Data: note{[]string{"z"}}})
		refusedForItsText(t, err)
		require.NoError(t, write(a, first, "3", "z"), "nothing of it was stored")

		var unknown *pgconn.PgError
		if errors.As(err, &unknown) {
			require.Equal(t, "taken", unknown.ConstraintName, "what the driver said is within reach")
		}
	})
}

func TestARefusalIsNobodyElses(t *testing.T) {
	t.Parallel()
	onEveryRefusal(t, func(t *testing.T, open func() process) {
		p := open()
		shared := newID(t, p.root)
		var all sync.WaitGroup
		errs := make([]error, 60)
		for i := range errs {
			id := shared
			if i%2 == 0 {
				id = newID(t, p.root)
			}
			all.Go(func() {
				text := fmt.Sprint("text ", i)
				if i%6 < 2 {
					text = "same"
				}
				errs[i] = p.root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "note", Data: note{[]string{text}}})
			})
		}
		all.Wait()
		won := 0
		for i, err := range errs {
			switch {
			case i%6 >= 2:
				require.NoError(t, err)
			case err == nil:
				won++
			default:
				refusedForItsText(t, err)
			}
		}
		require.Equal(t, 1, won)
	})
}
