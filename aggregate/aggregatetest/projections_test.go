package aggregatetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// overview is what a projection of carts keeps of each.
type overview struct {
	Items  int
	Closed bool
}

// shop is a store with a projection of carts that keeps overviews, and forgets some events.
type shop struct {
	store      store.Adapter
	projection func(forgets string) store.Projection
	read       func(context.Context, hlc.Timestamp) (any, error)
}

func memoryShop() shop {
	s := memory.New()
	rows := memory.NewTable[hlc.Timestamp, overview](s)
	return shop{s, func(forgets string) store.Projection {
		return memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
			row, _ := rows.In(tx).Get(e.AggregateID)
			switch {
			case e.Type == forgets:
				return nil
			case e.Type == "closed":
				row.Closed = true
			case string(e.Body) == `{"Item": "bomb"}`:
				return aggregate.Reject("no bombs")
			default:
				row.Items++
			}
			rows.In(tx).Put(e.AggregateID, row)
			return nil
		})
	}, func(_ context.Context, id hlc.Timestamp) (any, error) {
		row, ok := rows.Get(id)
		if !ok {
			return nil, errors.New("no row")
		}
		return row, nil
	}}
}

func postgresShop(t *testing.T) shop {
	t.Helper()
	pool := pgtest.Plain(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE overviews (id bytea PRIMARY KEY, items int NOT NULL, closed bool NOT NULL DEFAULT false,
		last text CONSTRAINT no_bombs CHECK (last <> 'bomb'))`)
	require.NoError(t, err)
	return shop{pgtest.Store(t, pool, nil), func(forgets string) store.Projection {
		return postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
			switch e.Type {
			case forgets:
			case "closed":
				b.Queue(`UPDATE overviews SET closed = true WHERE id = $1`, e.AggregateID)
			default:
				var body itemPut
				if err := json.Unmarshal(e.Body, &body); err != nil {
					return err
				}
				b.Queue(`INSERT INTO overviews (id, items, last) VALUES ($1, 1, $2)
					ON CONFLICT (id) DO UPDATE SET items = overviews.items + 1, last = $2`, e.AggregateID, body.Item)
			}
			return nil
		}, postgres.Refusals{"no_bombs": aggregate.Reject("no bombs")})
	}, func(ctx context.Context, id hlc.Timestamp) (any, error) {
		var row overview
		err := pool.QueryRow(ctx, `SELECT items, closed FROM overviews WHERE id = $1`, id).Scan(&row.Items, &row.Closed)
		return row, err
	}}
}

func onBothShops(t *testing.T, test func(*testing.T, shop)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { t.Parallel(); test(t, memoryShop()) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, postgresShop(t)) })
}

// story puts, closes and looks at what was projected.
func (s shop) story(t aggregatetest.T, forgets string) {
	d := carts(func(d *aggregate.Definition[cart]) {
		d.Projections = []store.Projection{s.projection(forgets)}
	})
	aggregatetest.New(t, d).On(s.store).
		Given(itemWasPut("a")).ThenProjected(overview{Items: 1}, s.read).
		When("put", put{"bomb"}).ThenRejected("no bombs").
		When("put", put{"b"}).Then(itemWasPut("b")).
		When("close", closing{}).
		ThenState(cart{Items: map[string]int{"a": 1, "b": 1}, Log: []string{"a", "b"}, Closed: true}).
		ThenProjected(overview{Items: 2, Closed: true}, s.read)
}

func TestProjectionsTakePartWhereTheCaseHasTheirStore(t *testing.T) {
	t.Parallel()
	onBothShops(t, func(t *testing.T, s shop) {
		for range 2 { // on the same store
			passes(t, func(t aggregatetest.T) { s.story(t, "") })
		}
	})
}

func TestAnEventThatAProjectionForgotShows(t *testing.T) {
	t.Parallel()
	onBothShops(t, func(t *testing.T, s shop) {
		fails(t, func(t aggregatetest.T) { s.story(t, "closed") }, "what was projected is another", "projected.Closed: got false, want true")
	})
}

func TestTheStoreOfACaseIsGivenInTime(t *testing.T) {
	t.Parallel()
	s := memoryShop()
	d := carts(func(d *aggregate.Definition[cart]) { d.Projections = []store.Projection{s.projection("")} })
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, d).Given(itemWasPut("a")).On(s.store) }, "On comes right after New")
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, d).ThenProjected(1, s.read) }, "give the case one by On")
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, carts()).On(s.store) }, `On a store of kind "memory": the definition has no projection for it`)
	fails(t, func(t aggregatetest.T) { aggregatetest.New(t, d).On(s.store).ThenProjected(overview{}, s.read) }, "read what was projected: no row")
	fails(t, func(t aggregatetest.T) {
		aggregatetest.New(t, d).On(s.store).Given(itemWasPut("a")).ThenProjected(struct{ Items int }{1}, s.read)
	}, "projected.(type)")
}
