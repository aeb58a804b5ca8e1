package main

import (
	"testing"

	"github.com/eventmaestro/maestro/aggregate/aggregatetest"
	"github.com/eventmaestro/maestro/types"
)

func TestOldEventsAreReadInTheirNewShape(t *testing.T) {
	aggregatetest.New(t, OldAccounts()).
		Given(
			types.New("account_created", Opened{Owner: "Ada"}),
			types.New("money_paid_in", map[string]int{"Units": 5}),
			types.New("page_printed", nil),
		).
		WhenSent(Withdraw{Cents: 200}).
		ThenState(Account{Owner: "Ada", Balance: 300})
}

func TestWhatIsStoredCanBeRead(t *testing.T) {
	aggregatetest.Golden(t, OldAccounts(), "testdata/account", types.New("money_paid_in", map[string]int{"Units": 5}))
}
