// Command tail lets two processes consume the same events, kills the one that works, and shows that
// nothing is missing. It needs the server programs of PostgreSQL:
//
//	go run ./examples/tail
//
// The consumers send mails, which no transaction takes back: a mail may go out twice and is never
// left out. What a consumer can't send, it puts aside into a table of its own, in the transaction
// of the tail, so that the rest goes on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

func main() {
	do := parent
	if os.Getenv("CONSUME") != "" {
		do = consume
	}
	if err := do(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tail:", err)
		os.Exit(1)
	}
}

// consume is what each of the two processes does until it is killed.
func consume(ctx context.Context, _ io.Writer) error {
	pool, err := pgxpool.New(ctx, os.Getenv("CONSUME"))
	if err != nil {
		return err
	}
	defer pool.Close()
	tail, err := postgres.NewTail(pool, &postgres.TailOptions{Name: "mails", Types: []string{"ordered"}, MaxBatch: 10})
	if err != nil {
		return err
	}
	return tail.Run(ctx, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
		for _, e := range events {
			err := send(e)
			for range 2 { // a retry; the error of the function would be one too, for the whole batch and for ever
				if err != nil {
					err = send(e)
				}
			}
			table := "sent"
			if err != nil {
				table = "dead_letters"
			}
			if _, err := tx.Exec(ctx, "INSERT INTO "+table+" VALUES ($1, $2)", e.AggregateID, int32(e.Sequence)); err != nil {
				return err
			}
		}
		return nil
	})
}

// send fails for every twentieth order, for good.
func send(e types.Event) error {
	time.Sleep(5 * time.Millisecond)
	if e.Sequence%20 == 0 {
		return errors.New("no such address")
	}
	return nil
}

func parent(ctx context.Context, out io.Writer) error {
	server, err := pgserver.Start(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	pool, err := pgxpool.New(ctx, server.URL("postgres"))
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Apply(ctx, pool, &migrations.Options{Tail: true}); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "CREATE TABLE sent (id bytea, sequence int); CREATE TABLE dead_letters (id bytea, sequence int)"); err != nil {
		return err
	}
	first, second := child(server), child(server)
	if err := errors.Join(first.Start(), second.Start()); err != nil {
		return err
	}
	defer func() { _ = second.Process.Kill(); _ = second.Wait() }()
	events, err := postgres.New(pool, nil)
	if err != nil {
		return err
	}
	clock := hlc.NewClock(nil)
	id := clock.NowAfter(hlc.Timestamp{})
	for s := types.Sequence(1); s <= 200; s++ {
		e := types.Event{Timestamp: clock.NowAfter(id), AggregateID: id, Sequence: s, Type: "ordered", Body: []byte(`{}`)}
		if err := events.Commit(ctx, store.Commit{AggregateID: id, Events: []types.Event{e}}); err != nil {
			return err
		}
		if s == 100 {
			fmt.Fprintln(out, "one of the two is killed")
			_ = first.Process.Kill()
			_ = first.Wait()
		}
		time.Sleep(5 * time.Millisecond)
	}
	var sent, dead int
	for sent+dead < 200 {
		time.Sleep(50 * time.Millisecond)
		err := pool.QueryRow(ctx, "SELECT (SELECT count(*) FROM sent), (SELECT count(*) FROM dead_letters)").Scan(&sent, &dead)
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "200 orders: %d mails sent, %d put aside, nothing missing\n", sent, dead)
	return nil
}

func child(server *pgserver.Server) *exec.Cmd {
	program, _ := os.Executable()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "CONSUME="+server.URL("postgres"))
	return cmd
}
