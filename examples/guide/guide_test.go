package main

import (
	_ "embed"
	"log/slog"
	"strings"
	"testing"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

//go:embed balances.sql
var balances string

// database returns a fresh database with the event store's tables and the program's own.
func database(t *testing.T) string {
	t.Helper()
	url := pgtest.Database(t)
	pool := pgtest.Open(t, url)
	require.NoError(t, migrations.Apply(t.Context(), pool, nil))
	up, _, _ := strings.Cut(balances, "-- +goose Down")
	_, err := pool.Exec(t.Context(), up)
	require.NoError(t, err)
	return url
}

func TestTheProgramKeepsAccounts(t *testing.T) {
	t.Parallel()
	url := database(t)
	do := func(args ...string) string {
		answer, err := run(t.Context(), url, args)
		require.NoError(t, err)
		return answer
	}
	id, answer, _ := strings.Cut(do("open", "Ada"), " ")
	require.Equal(t, "Ada has 0", answer)
	require.Equal(t, "Ada has 500", do("deposit", id, "500"))
	require.Equal(t, "refused: withdraw 700: the balance is 500", do("withdraw", id, "700"))
	require.Equal(t, "Ada has 300", do("withdraw", id, "200"))
	require.Equal(t, "Ada has 300", do("show", id))
	require.Equal(t, "300", do("total"))
}

func TestTheProgramSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := run(t.Context(), pgtest.Database(t), []string{"total"})
	require.ErrorContains(t, err, "event_log")
	url := database(t)
	for _, args := range [][]string{{}, {"dance"}, {"dance", "1"}, {"deposit", "1"}, {"deposit", "1", "2"}, {"open"}} {
		_, err := run(t.Context(), url, args)
		require.Error(t, err, args)
	}
}

func TestTwoProcessesShareAnAccount(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, database(t))
	var banks []*Bank
	for range 2 {
		bank, err := NewBank(pgtest.Store(t, pool, nil), slog.New(slog.DiscardHandler), Balances())
		require.NoError(t, err)
		banks = append(banks, bank)
	}
	ctx := t.Context()
	id, err := banks[0].accounts.NewID(ctx)
	require.NoError(t, err)
	require.NoError(t, banks[0].accounts.Send(ctx, id, Open{Owner: "Ada"}))
	for i := range 20 {
		require.NoError(t, banks[i%2].accounts.Send(ctx, id, Deposit{Cents: 100}))
	}
	account, err := banks[1].accounts.Fetch(ctx, id)
	require.NoError(t, err)
	require.Equal(t, Account{Owner: "Ada", Balance: 2000}, account)
	total, err := Total(ctx, pool)
	require.NoError(t, err)
	require.EqualValues(t, 2000, total)
	for _, bank := range banks {
		require.NoError(t, bank.Close())
	}
}
