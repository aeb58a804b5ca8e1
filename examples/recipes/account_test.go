package recipes_test

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// Account is the aggregate of all recipes.
type Account struct {
	Owner   string `json:"owner,omitempty"`
	Balance int    `json:"balance"`
}

type (
	// Open, Deposit and Withdraw are the commands' data.
	Open     struct{ Owner string }
	Deposit  struct{ Amount int }
	Withdraw struct{ Amount int }

	// Opened, Deposited and Withdrawn are the events' bodies.
	Opened struct {
		Owner string `json:"owner"`
	}
	Deposited struct {
		Amount int `json:"amount"`
	}
	Withdrawn struct {
		Amount int `json:"amount"`
	}
)

// CommandType is the type of each command, by which its handler is found.
func (Open) CommandType() string     { return "open" }
func (Deposit) CommandType() string  { return "deposit" }
func (Withdraw) CommandType() string { return "withdraw" }

// account is the definition, to which a recipe adds what it is about.
func account() aggregate.Definition[Account] {
	return aggregate.Definition[Account]{
		Name: "account",
		Commands: aggregate.CommandsOf(
			aggregate.Handle(open),
			aggregate.Handle(deposit),
			aggregate.Handle(withdraw),
		),
		Events: aggregate.Events[Account]{
			"opened":    aggregate.Event(func(a Account, e Opened) Account { a.Owner = e.Owner; return a }),
			"deposited": aggregate.Event(func(a Account, e Deposited) Account { a.Balance += e.Amount; return a }),
			"withdrawn": aggregate.Event(func(a Account, e Withdrawn) Account { a.Balance -= e.Amount; return a }),
		},
	}
}

func open(_ context.Context, a aggregate.Instance[Account], cmd Open) ([]types.Uncommitted, error) {
	if a.Sequence > 0 {
		return nil, aggregate.Reject("the account is open already")
	}
	return types.Events(types.NewEvent("opened", Opened(cmd))), nil
}

func deposit(_ context.Context, _ aggregate.Instance[Account], cmd Deposit) ([]types.Uncommitted, error) {
	return types.Events(types.NewEvent("deposited", Deposited(cmd))), nil
}

func withdraw(_ context.Context, a aggregate.Instance[Account], cmd Withdraw) ([]types.Uncommitted, error) {
	if cmd.Amount > a.State.Balance {
		return nil, aggregate.Reject("withdraw %d: the balance is %d", cmd.Amount, a.State.Balance)
	}
	return types.Events(types.NewEvent("withdrawn", Withdrawn(cmd))), nil
}

// newAccount returns an account with a deposit of each amount.
func newAccount(ctx context.Context, accounts *aggregate.Root[Account], amounts ...int) (hlc.Timestamp, error) {
	id, err := accounts.NewID(ctx)
	for _, amount := range amounts {
		if err == nil {
			err = accounts.Send(ctx, id, Deposit{amount})
		}
	}
	return id, err
}
