package main

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// Account is the state of an account.
type Account struct {
	Owner   string `json:"owner"`
	Balance int64  `json:"balance"` // in cents
}

// Commands say what somebody wants, events what happened.
type (
	Open      struct{ Owner string }
	Deposit   struct{ Cents int64 }
	Withdraw  struct{ Cents int64 }
	Opened    struct{ Owner string }
	Deposited struct{ Cents int64 }
	Withdrawn struct{ Cents int64 }
)

// CommandType is the type of each command, by which its handler is found.
func (Open) CommandType() string     { return "open_account" }
func (Deposit) CommandType() string  { return "deposit_money" }
func (Withdraw) CommandType() string { return "withdraw_money" }

func open(_ context.Context, a aggregate.Instance[Account], cmd Open) ([]types.Uncommitted, error) {
	if a.Sequence > 0 {
		return nil, aggregate.Reject("the account is open already")
	}
	return types.Events(types.NewEvent("account_opened", Opened(cmd))), nil
}

func deposit(_ context.Context, a aggregate.Instance[Account], cmd Deposit) ([]types.Uncommitted, error) {
	if a.Sequence == 0 || cmd.Cents < 1 {
		return nil, aggregate.Reject("deposit %d: want an open account and at least one cent", cmd.Cents)
	}
	return types.Events(types.NewEvent("money_deposited", Deposited(cmd))), nil
}

func withdraw(_ context.Context, a aggregate.Instance[Account], cmd Withdraw) ([]types.Uncommitted, error) {
	if cmd.Cents < 1 || cmd.Cents > a.State.Balance {
		return nil, aggregate.Reject("withdraw %d: the balance is %d", cmd.Cents, a.State.Balance)
	}
	return types.Events(types.NewEvent("money_withdrawn", Withdrawn(cmd))), nil
}

// Accounts returns all there is to say about accounts.
func Accounts() aggregate.Definition[Account] {
	return aggregate.Definition[Account]{
		Name: "account",
		Commands: aggregate.CommandsOf(
			aggregate.Handle(open),
			aggregate.Handle(deposit),
			aggregate.Handle(withdraw),
		),
		Events: aggregate.Events[Account]{
			"account_opened":  aggregate.Event(func(a Account, e Opened) Account { a.Owner = e.Owner; return a }),
			"money_deposited": aggregate.Event(func(a Account, e Deposited) Account { a.Balance += e.Cents; return a }),
			"money_withdrawn": aggregate.Event(func(a Account, e Withdrawn) Account { a.Balance -= e.Cents; return a }),
		},
	}
}
