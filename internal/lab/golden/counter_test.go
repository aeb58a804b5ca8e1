package golden_test

import (
	"context"
	"encoding/json"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// counter is the state of the log's aggregates. A tag may be any JSON, which is kept to the digit.
type counter struct {
	Value int               `json:"value"`
	Name  *string           `json:"name"`
	Tags  []json.RawMessage `json:"tags"`
}

type (
	named struct {
		Name string `json:"name"`
	}
	tagged struct {
		Tag json.RawMessage `json:"tag"`
	}
)

func definition() aggregate.Definition[counter] {
	return aggregate.Definition[counter]{
		Name:    "counter",
		Initial: func() counter { return counter{Tags: []json.RawMessage{}} },
		Commands: aggregate.Commands[counter]{
			"increment_counter": emit[struct{}]("counter_incremented"),
			"decrement_counter": emit[struct{}]("counter_decremented"),
			"name_counter":      emit[named]("counter_named"),
			"tag_counter":       emit[tagged]("counter_tagged"),
		},
		Events: aggregate.Events[counter]{
			"counter_incremented": aggregate.Event(func(c counter, _ struct{}) counter { c.Value++; return c }),
			"counter_decremented": aggregate.Event(func(c counter, _ struct{}) counter { c.Value--; return c }),
			"counter_named":       aggregate.Event(func(c counter, e named) counter { c.Name = &e.Name; return c }),
			"counter_tagged":      aggregate.Event(func(c counter, e tagged) counter { c.Tags = append(c.Tags, e.Tag); return c }),
		},
	}
}

// emit is a handler whose command leads to one event with the command's data.
func emit[C any](event string) aggregate.CommandHandler[counter] {
	return aggregate.Command(func(_ context.Context, _ aggregate.Instance[counter], data C) ([]types.Uncommitted, error) {
		return types.Events(types.NewEvent(event, data)), nil
	})
}
