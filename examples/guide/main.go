// Command guide is the program that docs/guide.md builds: a bank.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	answer, err := run(ctx, os.Getenv("DATABASE_URL"), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(answer)
}

func run(ctx context.Context, url string, args []string) (answer string, err error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	events, err := postgres.New(pool, &postgres.Options{Logger: log})
	if err != nil {
		return "", err
	}
	if err := events.Validate(ctx); err != nil {
		return "", err // the database is away, or the migration was forgotten
	}
	bank, err := NewBank(events, log, Balances())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, bank.Close()) }() // before the pool is closed
	if len(args) == 1 && args[0] == "total" {
		cents, err := Total(ctx, pool)
		return fmt.Sprint(cents), err
	}
	return bank.command(ctx, args)
}

var errUsage = errors.New("usage: open OWNER | deposit ID CENTS | withdraw ID CENTS | show ID | total")

// command carries out a command line.
func (b *Bank) command(ctx context.Context, args []string) (string, error) {
	if len(args) == 2 && args[0] == "open" {
		id, err := b.accounts.NewID(ctx)
		if err != nil {
			return "", err
		}
		answer, err := b.Do(ctx, types.CommandOf(id, Open{Owner: args[1]}))
		return id.String() + " " + answer, err
	}
	if len(args) < 2 {
		return "", errUsage
	}
	id, err := hlc.Parse(args[1])
	if err != nil {
		return "", err
	}
	if len(args) == 2 && args[0] == "show" {
		account, err := b.accounts.Fetch(ctx, id)
		return fmt.Sprintf("%s has %d", account.Owner, account.Balance), err
	}
	if len(args) != 3 {
		return "", errUsage
	}
	cents, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return "", err
	}
	switch args[0] {
	case "deposit":
		return b.Do(ctx, types.CommandOf(id, Deposit{Cents: cents}))
	case "withdraw":
		return b.Do(ctx, types.CommandOf(id, Withdraw{Cents: cents}))
	}
	return "", errUsage
}
