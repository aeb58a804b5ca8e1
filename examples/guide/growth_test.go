package main

import (
	"testing"

	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

func TestOldEventsAreReadInTheirNewShape(t *testing.T) {
	aggregatetest.New(t, OldAccounts()).
		Given(
			types.NewEvent("account_created", Opened{Owner: "Ada"}),
			types.NewEvent("money_paid_in", map[string]int{"Units": 5}),
			types.NewEvent("page_printed", nil),
		).
		WhenSent(Withdraw{Cents: 200}).
		ThenState(Account{Owner: "Ada", Balance: 300})
}

func TestWhatIsStoredCanBeRead(t *testing.T) {
	aggregatetest.Golden(t, OldAccounts(), "testdata/account", types.NewEvent("money_paid_in", map[string]int{"Units": 5}))
}
