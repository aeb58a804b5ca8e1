package guide

import (
	"encoding/json"

	"github.com/eventmaestro/maestro/aggregate"
)

// Grown reads logs that began with whole units of money and another word for opening.
func Grown() aggregate.Definition[Account] {
	d := Definition()
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
