package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Bank is what the program keeps: one supervisor, and one root for each kind of aggregate.
type Bank struct {
	supervisor *aggregate.Supervisor
	accounts   *aggregate.Root[Account]
}

// NewBank makes a bank on a store, with projections that are made for it.
func NewBank(events store.Adapter, log *slog.Logger, projections ...store.Projection) (*Bank, error) {
	sup, err := aggregate.NewSupervisor(events, &aggregate.Options{Logger: log, MaxLive: 100_000})
	if err != nil {
		return nil, err
	}
	definition := Accounts()
	definition.Projections = projections
	accounts, err := aggregate.NewRoot(sup, definition)
	if err != nil {
		return nil, err
	}
	return &Bank{supervisor: sup, accounts: accounts}, nil
}

// Close answers what still waits, and ends.
func (b *Bank) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return b.supervisor.Shutdown(ctx)
}

// Do evaluates a command and returns an answer for the person who asked.
func (b *Bank) Do(ctx context.Context, command types.Command) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	account, err := b.accounts.EvaluateState(ctx, command)
	var unknown *aggregate.OutcomeUnknownError
	switch {
	case err == nil:
		return fmt.Sprintf("%s has %d", account.Owner, account.Balance), nil
	case errors.Is(err, aggregate.ErrRejected):
		return "refused: " + err.Error(), nil
	case errors.As(err, &unknown):
		return b.settle(command.AggregateID, unknown)
	default:
		return "", err // not stored: log it, try again later
	}
}

// settle looks up what became of a command whose answer got lost.
func (b *Bank) settle(id hlc.Timestamp, unknown *aggregate.OutcomeUnknownError) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	stored, err := b.accounts.Lookup(ctx, id, unknown.Timestamps)
	if err == nil && len(stored) > 0 && len(stored) == len(unknown.Timestamps) {
		return "done", nil
	}
	return "", unknown // look again later
}
