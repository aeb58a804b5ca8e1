package pgproxy

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// behind returns a connection through a proxy of its own, and another that goes past it. Both see
// a table event_log.
func behind(t *testing.T) (p *Plan, through, past *pgx.Conn) {
	t.Helper()
	pool := pgtest.Plain(t)
	p = NewPlan(1)
	config := pool.Config().ConnConfig
	x, err := Listen(net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), p)
	require.NoError(t, err)
	t.Cleanup(x.Close)
	past, err = pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = past.Close(context.WithoutCancel(t.Context())) })

	injured := config.Copy()
	injured.Host, injured.Port = "127.0.0.1", uint16(x.listener.Addr().(*net.TCPAddr).Port)
	injured.Fallbacks = nil
	// The driver asks the server to cancel what a broken connection was at, on a connection of its
	// own. Whoever is cut off can't, and a late message would lose that race now and then.
	var dialed atomic.Bool
	injured.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialed.Swap(true) {
			return nil, net.ErrClosed
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	through, err = pgx.ConnectConfig(t.Context(), injured)
	require.NoError(t, err)
	t.Cleanup(func() { _ = through.Close(context.WithoutCancel(t.Context())) })
	return p, through, past
}

const insertOne = `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body)
SELECT decode(repeat(to_char($1::int, 'FM00'), 16), 'hex'), decode(repeat('01', 16), 'hex'), $1::int, 'x', '{}'`

func count(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM event_log`).Scan(&n))
	return n
}

// lives reports whether the server still works for a session.
func lives(t *testing.T, conn *pgx.Conn, session uint32) (there bool) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)`, int32(session)).Scan(&there))
	return there
}

func TestAnUninjuredCommitPasses(t *testing.T) {
	t.Parallel()
	p, through, past := behind(t)
	for i := range 3 {
		_, err := through.Exec(t.Context(), insertOne, i+1)
		require.NoError(t, err)
	}
	require.Equal(t, 3, count(t, past))
	require.Zero(t, p.Number(""))
}

// TestEveryModeDoesWhatItsNameSays cuts one commit a connection until each mode was seen at several
// messages. What the server has when the session is over is all that it ever gets.
func TestEveryModeDoesWhatItsNameSays(t *testing.T) {
	t.Parallel()
	seen := map[Mode]int{}
	for i := range 24 {
		p, through, past := behind(t)
		p.rng.Uint64() // another fate for each
		for range i {
			p.rng.Uint64()
		}
		_, err := through.Prepare(t.Context(), insertOne, insertOne)
		require.NoError(t, err)
		session := through.PgConn().PID()
		p.Share.Store(10_000)
		_, err = through.Exec(t.Context(), insertOne, 1)
		require.Error(t, err, "the connection was cut")
		p.Share.Store(0)
		require.Equal(t, 1, p.Number("cut "))
		for _, m := range []Mode{Before, ReplyLost, Late} {
			if p.Number("cut "+string(m)+":") == 0 {
				continue
			}
			seen[m]++
			want := 1
			if m == Before {
				want = 0
			}
			require.NoError(t, eventually(func() bool { return !lives(t, past, session) }))
			require.Equal(t, want, count(t, past), "%s", m)
		}
	}
	require.Len(t, seen, 3)
}

func eventually(ok func() bool) error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if ok() {
			return nil
		}
	}
	return errors.New("it never was so")
}
