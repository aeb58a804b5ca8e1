package inspect_test

import (
	"context"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store/postgres/inspect"
	"github.com/eventmaestro/maestro/types"
)

type (
	account   struct{ Balance int }
	Deposited struct{ Amount int }
)

var definition = aggregate.Definition[account]{
	Commands: aggregate.Commands[account]{
		"deposit": aggregate.CommandFunc[account](func(context.Context, aggregate.Instance[account], types.Command) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("deposited", Deposited{10})), nil
		}),
	},
	Events: aggregate.Events[account]{
		"deposited": aggregate.Event(func(a account, e Deposited) account { a.Balance += e.Amount; return a }),
	},
}

// This is the whole program, for go run . -database URL ID.
func ExampleMain() {
	inspect.Main(inspect.Of(definition))
}
