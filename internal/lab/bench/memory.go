package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/store/memory"
)

// memoryPart is how much of -time a measurement without a database takes: it fluctuates less.
const memoryPart = 0.5

// memorySample is how many commands pass for one that is timed: some hundred nanoseconds are not
// much longer than a look at the clock.
const memorySample = 16

// memoryCase is commands where a store costs next to nothing, so that what is left is the library.
func memoryCase(n int) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (outcome, error) {
		ours := func(ctx context.Context, d time.Duration) (figure, error) {
			t, err := commands(ctx, memory.New(), crowd{n, n, memorySample}, definition(), d)
			return t.figure, err
		}
		o, others, err := l.compare(ctx, memoryPart, requests(n, transcode), ours, requests(n, func() error { return nil }))
		if err != nil {
			return outcome{}, err
		}
		o.note("bare_channel", perSecond.format(others[0].value))
		o.note("channelratio", fmt.Sprintf("%.2f", o.ours.value/others[0].value))
		return o, nil
	}
}

// requests measures callers that each send a request over a channel to a goroutine of its own,
// which does something and replies over another.
func requests(callers int, do func() error) measure {
	return func(ctx context.Context, d time.Duration) (figure, error) {
		asked := make([]chan chan error, callers)
		for i := range asked {
			asked[i] = make(chan chan error)
			defer close(asked[i])
			go func() {
				for reply := range asked[i] {
					reply <- do()
				}
			}()
		}
		t, err := load{callers: callers, every: memorySample, caller: func(_ context.Context, i int) (func() error, error) {
			ask, reply := asked[i], make(chan error)
			return func() error {
				ask <- reply
				return <-reply
			}, nil
		}}.run(ctx, d)
		return t.figure, err
	}
}

// transcode is what every event goes through: its body is encoded, and decoded for the state.
func transcode() error {
	text, err := json.Marshal(incremented{By: 1})
	if err != nil {
		return err
	}
	var e incremented
	return json.Unmarshal(text, &e)
}
