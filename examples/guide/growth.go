package main

import (
	"encoding/json"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
)

// BusyAccounts are accounts with long histories, and many that nobody asks for.
func BusyAccounts() aggregate.Definition[Account] {
	d := Accounts()
	d.Snapshots = aggregate.SnapshotPolicy{Every: 500, AfterReplay: 200}
	d.Idle = aggregate.IdlePolicy{Exit: 5 * time.Minute, Snapshot: true}
	return d
}

// OldAccounts are read from logs that began with whole units of money, and another word for
// opening.
func OldAccounts() aggregate.Definition[Account] {
	d := BusyAccounts()
	d.Upcasts = aggregate.Upcasts{
		"account_created": aggregate.Rename("account_opened"),
		"money_paid_in":   aggregate.Rewrite("money_deposited", unitsToCents),
		"page_printed":    aggregate.Drop(),
	}
	d.SnapshotVersion = 2 // the state counts cents now: older snapshots are passed over
	return d
}

func unitsToCents(body json.RawMessage) (json.RawMessage, error) {
	var old struct{ Units int64 }
	if err := json.Unmarshal(body, &old); err != nil {
		return nil, err
	}
	return json.Marshal(Deposited{Cents: old.Units * 100})
}
