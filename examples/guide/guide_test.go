package guide

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/pgtest"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func Example() {
	ctx := context.Background()
	sup := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	accounts, err := aggregate.New(sup, Definition())
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := accounts.New(ctx)
	fmt.Println(accounts.Evaluate(ctx, types.Command{AggregateID: id, Type: "open_account", Data: Open{Owner: "Ada"}}))
	fmt.Println(accounts.Evaluate(ctx, types.Command{AggregateID: id, Type: "deposit_money", Data: Deposit{Cents: 500}}))
	fmt.Println(accounts.Evaluate(ctx, types.Command{AggregateID: id, Type: "withdraw_money", Data: Withdraw{Cents: 700}}))
	account, err := accounts.Get(ctx, id)
	fmt.Println(account.Balance, err)
	// Output:
	// <nil>
	// <nil>
	// withdraw 700: the balance is 500
	// 500 <nil>
}

func TestOldEventsAreReadInTheirNewShape(t *testing.T) {
	aggregatetest.New(t, Grown()).
		Given(
			types.New("account_created", Opened{Owner: "Ada"}),
			types.New("money_paid_in", map[string]int{"Units": 5}),
			types.New("page_printed", nil),
		).
		When("withdraw_money", Withdraw{Cents: 200}).
		ThenState(Account{Owner: "Ada", Balance: 300})
}

func TestTwoProcessesShareAnAccount(t *testing.T) {
	pool := pgtest.Plain(t)
	_, err := pool.Exec(t.Context(), BalancesTable)
	require.NoError(t, err)
	var apps []*App
	for range 2 {
		app, err := Start(t.Context(), pool, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		apps = append(apps, app)
	}
	ctx := t.Context()
	id, err := apps[0].Accounts.New(ctx)
	require.NoError(t, err)
	require.NoError(t, apps[0].Accounts.Evaluate(ctx, types.Command{AggregateID: id, Type: "open_account", Data: Open{Owner: "Ada"}}))
	for i := range 20 {
		require.NoError(t, apps[i%2].Accounts.Evaluate(ctx, types.Command{AggregateID: id, Type: "deposit_money", Data: Deposit{Cents: 100}}))
	}
	text, err := apps[0].Withdraw(ctx, id, 500)
	require.NoError(t, err)
	require.Equal(t, "done", text)
	text, err = apps[1].Withdraw(ctx, id, 9_999)
	require.NoError(t, err)
	require.Equal(t, "withdraw 9999: the balance is 1500", text)
	account, err := apps[1].Accounts.Fetch(ctx, id)
	require.NoError(t, err)
	require.Equal(t, Account{Owner: "Ada", Balance: 1500}, account)
	total, err := Total(ctx, pool)
	require.NoError(t, err)
	require.EqualValues(t, 1500, total)
	for _, app := range apps {
		require.NoError(t, app.Stop())
	}
}

func ExampleApp_history() {
	ctx := context.Background()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	sup := aggregate.NewSupervisor(memory.New(), &aggregate.Options{Clock: hlc.NewClock(&hlc.Options{Now: func() time.Time { return now }})})
	defer sup.Shutdown(ctx)
	accounts, _ := aggregate.New(sup, Definition())
	id, _ := accounts.New(ctx)
	for _, command := range []types.Command{
		{Type: "open_account", Data: Open{Owner: "Ada"}},
		{Type: "deposit_money", Data: Deposit{Cents: 500}},
		{Type: "withdraw_money", Data: Withdraw{Cents: 200}},
	} {
		command.AggregateID = id
		if err := accounts.Evaluate(ctx, command); err != nil {
			fmt.Println(err)
		}
		now = now.Add(time.Hour)
	}
	then, _ := accounts.Replay(ctx, id, 2)
	fmt.Println("at sequence 2:", then.Balance)
	noon, _ := accounts.ReplayAt(ctx, id, time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC))
	fmt.Println("at half past twelve:", noon.Balance)
	// Output:
	// at sequence 2: 500
	// at half past twelve: 0
}
