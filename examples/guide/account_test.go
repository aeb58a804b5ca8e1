package main

import (
	"testing"

	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

func TestABalanceIsNeverNegative(t *testing.T) {
	aggregatetest.New(t, Accounts()).
		Given(
			types.NewEvent("account_opened", Opened{Owner: "Ada"}),
			types.NewEvent("money_deposited", Deposited{Cents: 500}),
		).
		WhenSent(Withdraw{Cents: 200}).
		Then(types.NewEvent("money_withdrawn", Withdrawn{Cents: 200})).
		ThenState(Account{Owner: "Ada", Balance: 300}).
		WhenSent(Withdraw{Cents: 301}).
		ThenRejected("withdraw 301: the balance is 300")
}
