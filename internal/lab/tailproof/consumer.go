package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

func newTail(pool *pgxpool.Pool, of int) (*postgres.Tail, error) {
	return postgres.NewTail(pool, &postgres.TailOptions{
		Name: "proof", Of: of, MaxBatch: 50, Poll: 20 * time.Millisecond, MaxBackoff: 200 * time.Millisecond,
	})
}

// consume is the life of a consumer. It dies by SIGKILL, at a statement of its own or by its
// parent's hand.
func consume(ctx context.Context, url string, of, dieAt int) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.MaxConns = 8
	config.ConnConfig.Tracer = &fatal{at: int64(dieAt)}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	tail, err := newTail(pool, of)
	if err != nil {
		return err
	}
	return tail.Run(ctx, func(ctx context.Context, tx pgx.Tx, events []types.Event) error {
		for half := range 2 { // so that there is a moment between two writes
			b := &pgx.Batch{}
			for i, e := range events {
				if i*2/len(events) == half {
					b.Queue("INSERT INTO seen (aggregate_id, sequence) VALUES ($1, $2)", e.AggregateID[:], int32(e.Sequence))
				}
			}
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

// fatal kills its own process at its n-th step: before or after a statement, or after an answer to
// one of several that were sent together.
type fatal struct {
	at    int64
	steps atomic.Int64
}

func (f *fatal) step() {
	if f.steps.Add(1) == f.at {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill() // SIGKILL: nothing of the process runs any more
		}
		select {}
	}
}

func (f *fatal) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	f.step()
	return ctx
}

func (f *fatal) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { f.step() }

func (f *fatal) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	f.step()
	return ctx
}

func (f *fatal) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { f.step() }

func (f *fatal) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) { f.step() }

// child is a consumer in a process of its own.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func (p *proof) spawn(of, dieAt int) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(program, "-consume", p.server.URL("postgres"), "-of", fmt.Sprint(of), "-die-at", fmt.Sprint(dieAt)), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childEnv+"=1")
	c.cmd.Stderr = os.Stderr
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.ended)
		_ = c.cmd.Wait()
	}()
	return c, nil
}

// childEnv tells the test's own program that it is a consumer.
const childEnv = "MAESTRO_TAILPROOF_CONSUMER"

func (c *child) kill() error {
	select {
	case <-c.ended:
		return fmt.Errorf("the consumer ended: %v", c.cmd.ProcessState)
	default:
	}
	err := c.cmd.Process.Kill()
	<-c.ended
	return err
}

// life is that of two consumers, one of which stands by and takes over. The first dies at each of
// its statements in turn, or at any moment.
func (p *proof) life(ctx context.Context) error {
	dieAt := 0
	if p.killed.Load()%2 == 0 {
		dieAt = 1 + int(p.killed.Load()/2)%120
	}
	of := 1 + rand.IntN(4) // what a life before it had not finished is dealt out anew
	first, err := p.spawn(of, dieAt)
	if err != nil {
		return err
	}
	second, err := p.spawn(of, 0)
	if err != nil {
		return err
	}
	moment := time.Duration(50+rand.IntN(400)) * time.Millisecond
	if dieAt > 0 {
		moment *= 4
	}
	select {
	case <-first.ended:
	case <-time.After(moment):
	case <-ctx.Done():
	}
	select {
	case <-first.ended:
		if dieAt == 0 {
			return fmt.Errorf("the consumer ended by itself: %v", first.cmd.ProcessState)
		}
	default:
		if err := first.kill(); err != nil && dieAt == 0 {
			return err
		}
	}
	time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
	p.killed.Add(2)
	return second.kill()
}
