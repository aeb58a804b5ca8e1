package postgres_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"

	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// interrupted is a connection on which something happens once between two statements that are sent
// together.
type interrupted struct {
	net.Conn
	before  []byte // the end of the second one
	once    *sync.Once
	between func()
}

func (c *interrupted) Write(b []byte) (n int, err error) {
	i := bytes.Index(b, c.before)
	if i < 0 {
		return c.Conn.Write(b)
	}
	const parse = 1 + 4 + 1 // kind, length, and a name that is empty
	i = bytes.LastIndex(b[:i], []byte("SELECT t.round")) - parse
	if n, err = c.Conn.Write(b[:i]); err != nil {
		return n, err
	}
	c.once.Do(c.between)
	rest, err := c.Conn.Write(b[i:])
	return n + rest, err
}

// Between two batches the place is nobody's for a moment, though both are in one message.
func TestATailSeesThatItsPlaceWasMovedBetweenTwoBatches(t *testing.T) {
	t.Parallel()
	for name, conns := range map[string]int32{"one connection": 2, "reading ahead": 8} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			straight := tailed(t)
			var events []types.Event
			id := stamp()
			for i := range 6 {
				events = append(events, append1(t, straight, id, types.Sequence(i+1), 1)...)
			}
			o := postgres.TailOptions{Name: "a", MaxBatch: 2}
			moved := newTail(t, straight, &o)
			var once sync.Once
			config := straight.Config()
			config.MaxConns, config.ConnConfig.DefaultQueryExecMode = conns, pgx.QueryExecModeExec
			dial := config.ConnConfig.DialFunc
			config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dial(ctx, network, address)
				return &interrupted{conn, []byte("t.part = $3::int4 FOR UPDATE SKIP LOCKED"), &once, func() {
					if err := moved.Rewind(t.Context(), events[0].Timestamp.Time(), nil); err != nil {
						t.Error(err)
					}
				}}, err
			}
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			runTail(t, newTail(t, pool, &o), copyAll)
			require.Equal(t, append(events[:2:2], events...), await(t, straight, 8))
		})
	}
}
