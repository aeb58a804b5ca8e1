package aggregate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func ExampleNewSupervisor() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), &aggregate.Options{
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)), // warnings, and nothing else
		MaxLive: 100_000,                                       // aggregates in memory
		Hooks: aggregate.Hooks{
			Commit: func(_ context.Context, c aggregate.Committed) { fmt.Println(c.Root, "commits", c.Events, c.Err) },
		},
	})
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	fmt.Println(root.Evaluate(ctx, by(id, 5)))
	// Output:
	// counter commits 1 <nil>
	// <nil>
}

// The clock stamps ids and events. One that is told the time makes a test the same in every run.
func ExampleSupervisor_Clock() {
	noon := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	sup, _ := aggregate.NewSupervisor(memory.New(), &aggregate.Options{
		Clock: hlc.NewClock(&hlc.Options{Node: 7, Now: func() time.Time { return noon }}),
	})
	defer sup.Shutdown(context.Background())
	root, _ := counters(sup)
	id, err := root.NewID(context.Background())
	fmt.Println(id, err)
	fmt.Println(sup.Clock().Node() == id.Node())
	// Output:
	// 2026-11-21T12:00:00.000Z-0000-0000000000000007 <nil>
	// true
}

// Old command IDs are forgotten by the store, where it keeps them.
func ExampleSupervisor_Store() {
	ctx := context.Background()
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(ctx)
	root, _ := counters(sup)
	id, _ := root.NewID(ctx)
	command := by(id, 5)
	command.ID = "order 7"
	for range 2 { // the second one finds the first one's record, and adds nothing
		_ = root.Evaluate(ctx, command)
	}

	if log, ok := sup.Store().(store.CommandLog); ok {
		n, err := log.PruneCommands(ctx, time.Now().Add(time.Hour))
		fmt.Println(n, err)
	}
	// Output: 1 <nil>
}

func ExampleRoot_Name() {
	sup, _ := aggregate.NewSupervisor(memory.New(), nil)
	defer sup.Shutdown(context.Background())
	root, _ := counters(sup)
	fmt.Println(root.Name())
	// Output: counter
}

// A snapshot in a shape of its own: PrepareSnapshot makes it, UseSnapshot reads it, and
// SnapshotVersion changes with it, so that snapshots of another shape are passed over.
func ExampleDefinition_snapshots() {
	type shape struct {
		Total int `json:"total"`
	}
	definition := aggregate.Definition[Counter]{
		Name:            "counter",
		Commands:        aggregate.Commands[Counter]{"increment": aggregate.Command(incrementCounter)},
		Events:          aggregate.Events[Counter]{"counter_incremented": aggregate.Event(counterIncremented)},
		Snapshots:       aggregate.SnapshotPolicy{Every: 100},
		SnapshotVersion: 2,
		PrepareSnapshot: func(c aggregate.Instance[Counter]) (any, error) { return shape{Total: c.State.Value}, nil },
		UseSnapshot: func(c aggregate.Instance[Counter], snapshot types.Snapshot) (Counter, error) {
			var s shape
			err := json.Unmarshal(snapshot.Body, &s)
			return Counter{Value: s.Total}, err
		},
	}
	ctx, s := context.Background(), memory.New()
	sup, _ := aggregate.NewSupervisor(s, nil)
	root, _ := aggregate.NewRoot(sup, definition)
	id, _ := root.NewID(ctx)
	_ = root.Evaluate(ctx, by(id, 5))
	fmt.Println(root.Snapshot(ctx, id), sup.Shutdown(ctx))

	// Another process starts from it.
	sup, _ = aggregate.NewSupervisor(s, &aggregate.Options{Hooks: aggregate.Hooks{
		Load: func(_ context.Context, l aggregate.Loaded) { fmt.Println("from the snapshot at", l.Snapshot) },
	}})
	defer sup.Shutdown(ctx)
	root, _ = aggregate.NewRoot(sup, definition)
	state, err := root.Get(ctx, id)
	fmt.Println(state.Value, err)
	// Output:
	// <nil> <nil>
	// from the snapshot at 1
	// 5 <nil>
}

// oldCounters is a definition that reads a log with an event as old programs wrote it.
func oldCounters(eventType string, upcast aggregate.Upcast, body string) {
	ctx, s, clock := context.Background(), memory.New(), hlc.NewClock(nil)
	id, _ := clock.Now()
	err := s.Commit(ctx, store.Commit{AggregateID: id, Events: []types.Event{
		{Timestamp: clock.NowAfter(id), AggregateID: id, Sequence: 1, Type: eventType, Body: []byte(body)},
	}})
	sup, _ := aggregate.NewSupervisor(s, nil)
	defer sup.Shutdown(ctx)
	if err == nil {
		var root *aggregate.Root[Counter]
		root, err = aggregate.NewRoot(sup, aggregate.Definition[Counter]{
			Commands: aggregate.Commands[Counter]{"increment": aggregate.Command(incrementCounter)},
			Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(counterIncremented)},
			Upcasts:  aggregate.Upcasts{eventType: upcast},
		})
		if err == nil {
			var state Counter
			state, err = root.Get(ctx, id)
			fmt.Println(body, "is", state.Value)
		}
	}
	if err != nil {
		fmt.Println(err)
	}
}

func ExampleRename() {
	oldCounters("incremented", aggregate.Rename("counter_incremented"), `{"By": 3}`)
	// Output: {"By": 3} is 3
}

func ExampleRewrite() {
	dozens := aggregate.Rewrite("counter_incremented", func(body json.RawMessage) (json.RawMessage, error) {
		var old struct{ Dozens int }
		if err := json.Unmarshal(body, &old); err != nil {
			return nil, err
		}
		return json.Marshal(CounterIncremented{By: 12 * old.Dozens})
	})
	oldCounters("counter_incremented_by_dozens", dozens, `{"Dozens": 2}`)
	// Output: {"Dozens": 2} is 24
}

func ExampleDrop() {
	oldCounters("counter_printed", aggregate.Drop(), `{"Pages": 2}`)
	// Output: {"Pages": 2} is 0
}
