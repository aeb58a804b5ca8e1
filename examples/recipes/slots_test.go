package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/store/router"
)

// Aggregates on three servers, by a function of their id.
func Example_servers() {
	everywhere(func(ctx context.Context, first store.Adapter, out io.Writer) error {
		servers := map[store.Adapter]int{}
		// Only a test mixes stores of two kinds; router.New refuses it where there are projections
		// to run.
		table := router.Deal(router.DefaultSlots, plainly{first}, plainly{memory.New()}, plainly{memory.New()})
		s, err := router.New(table, nil)
		if err != nil {
			return err
		}
		sup, err := aggregate.NewSupervisor(s, nil)
		if err != nil {
			return err
		}
		defer sup.Shutdown(ctx)
		accounts, err := aggregate.NewRoot(sup, account())
		if err != nil {
			return err
		}
		total := 0
		for range 100 {
			id, err := newAccount(ctx, accounts, 7)
			if err != nil {
				return err
			}
			state, err := accounts.Fetch(ctx, id)
			if err != nil {
				return err
			}
			total += state.Balance
			servers[s.For(id)]++
		}
		fmt.Fprintln(out, total, "on", len(servers), "servers")
		return nil
	})
	// Output:
	// 700 on 3 servers
}

// plainly is a store without optional capabilities.
type plainly struct{ store.Adapter }

// slots is how many there are, for ever; slotOf is the one of a row.
const slots = 16

var slotOf = router.SlotSQL("aggregate_id", slots)

// tables are all that hold something of an aggregate; those of projections belong here, too.
var tables = []string{"event_log", "snapshots", "commands"}

// fence makes a server refuse whatever is written to a slot from now on, by whom it may be: a
// process that was not told of the move, or a transaction that began before it. It waits for the
// transactions that write already. The constraint says nothing about the rows that are there, so
// the server reads none of them.
func fence(ctx context.Context, server *pgxpool.Pool, slot int) error {
	return onTables(ctx, server, func(table string) string {
		return fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT moved_%d CHECK (%s <> %[2]d) NOT VALID`, table, slot, slotOf)
	})
}

func unfence(ctx context.Context, server *pgxpool.Pool, slot int) error {
	return onTables(ctx, server, func(table string) string {
		return fmt.Sprintf(`ALTER TABLE %s DROP CONSTRAINT IF EXISTS moved_%d`, table, slot)
	})
}

func deleteSlot(ctx context.Context, server *pgxpool.Pool, slot int) error {
	return onTables(ctx, server, func(table string) string {
		return fmt.Sprintf(`DELETE FROM %s WHERE %s = %d`, table, slotOf, slot)
	})
}

func onTables(ctx context.Context, server *pgxpool.Pool, statement func(table string) string) error {
	for _, table := range tables {
		if _, err := server.Exec(ctx, statement(table)); err != nil {
			return err
		}
	}
	return nil
}

// copySlot brings the rows of a slot to another server, in one transaction there. Repeated, it
// begins anew.
func copySlot(ctx context.Context, from, to *pgxpool.Pool, slot int) error {
	return pgx.BeginFunc(ctx, to, func(tx pgx.Tx) error {
		for _, table := range tables {
			where := fmt.Sprintf(` FROM %s WHERE %s = %d`, table, slotOf, slot)
			if _, err := tx.Exec(ctx, `DELETE`+where); err != nil {
				return err
			}
			rows, err := from.Query(ctx, `SELECT *`+where)
			if err != nil {
				return err
			}
			var columns []string
			for _, field := range rows.FieldDescriptions() {
				columns = append(columns, field.Name)
			}
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{table}, columns, copied{rows}); err != nil {
				return err
			}
		}
		return nil
	})
}

// copied is what a query returned, as the source of a COPY.
type copied struct{ pgx.Rows }

// A program with two processes moves a slot to a server that was added, while commands keep coming:
// (1) each process shuts the slot, (2) the old server is fenced off, (3) the rows are copied, (4)
// each process goes on with the new server, (5) the old rows are deleted. Commands of the slot wait
// from 1 to 4; nobody is told an error. Should anything fail before 4, the fence is taken down and
// all go on with the old server.
func Example_moveSlotSQL() {
	onPostgres(func(ctx context.Context, oldPool *pgxpool.Pool, _ *postgres.Store) error {
		b := &bench{}
		defer b.clear()
		newPool := pgtest.With(b, &everything)
		const slot = 3
		var processes []*process
		for range 2 {
			p, err := newProcess(oldPool, newPool)
			if err != nil {
				return err
			}
			defer p.sup.Shutdown(ctx)
			processes = append(processes, p)
		}
		ids, err := accountsIn(ctx, processes[0], slot)
		if err != nil {
			return err
		}
		load := work(ctx, processes, ids)
		load.until(100)

		var shut sync.WaitGroup // becomes 0 when no process uses the slot any more
		ready := make(chan error)
		shut.Add(len(processes))
		moves := make(chan error)
		for _, p := range processes { // a message to each process, in real life
			go func() {
				moves <- p.s.Move(ctx, slot, p.added, func(context.Context) error {
					shut.Done()
					return <-ready
				})
			}()
		}
		shut.Wait()
		err = fence(ctx, oldPool, slot)
		if err == nil {
			err = copySlot(ctx, oldPool, newPool, slot)
		}
		for range processes {
			ready <- err
		}
		for range processes {
			err = errors.Join(err, <-moves)
		}
		if err != nil {
			return errors.Join(err, unfence(ctx, oldPool, slot))
		}
		err = deleteSlot(ctx, oldPool, slot)
		load.until(200)
		deposits, failed := load.end()
		var events int64
		row := newPool.QueryRow(ctx, `SELECT count(*) FROM event_log`)
		err = errors.Join(err, failed, row.Scan(&events))
		fmt.Println("every deposit is on the new server, once:", events == deposits)

		// A process that nobody told is refused, and nothing is lost.
		forgotten, e := newProcess(oldPool, newPool)
		if e != nil {
			return e
		}
		defer forgotten.sup.Shutdown(ctx)
		fmt.Println("one that nobody told is refused:", forgotten.accounts.Send(ctx, ids[0], Deposit{1}) != nil)
		return err
	})
	// Output:
	// every deposit is on the new server, once: true
	// one that nobody told is refused: true
}

// process is one of a program's processes.
type process struct {
	s        *router.Store
	sup      *aggregate.Supervisor
	accounts *aggregate.Root[Account]
	added    *postgres.Store // the new server
}

// newProcess starts with all slots on the old server.
func newProcess(oldPool, newPool *pgxpool.Pool) (*process, error) {
	o := &postgres.Options{Metadata: true, Commands: true}
	before, err := postgres.New(oldPool, o)
	if err != nil {
		return nil, err
	}
	p := &process{}
	if p.added, err = postgres.New(newPool, o); err != nil {
		return nil, err
	}
	if p.s, err = router.New(router.Deal(slots, before), nil); err != nil {
		return nil, err
	}
	if p.sup, err = aggregate.NewSupervisor(p.s, nil); err != nil {
		return nil, err
	}
	p.accounts, err = aggregate.NewRoot(p.sup, account())
	return p, err
}

// accountsIn returns the ids of some accounts of a slot.
func accountsIn(ctx context.Context, p *process, slot int) (ids []hlc.Timestamp, err error) {
	for len(ids) < 8 {
		id, err := p.accounts.NewID(ctx)
		if err != nil {
			return nil, err
		}
		if p.s.Slot(id) == slot {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// loaded deposits in all accounts, each by one of the processes.
type loaded struct {
	all      sync.WaitGroup
	stop     chan struct{}
	made     chan struct{} // a token for a deposit, if there is room
	failed   chan error
	deposits atomic.Int64
}

func work(ctx context.Context, processes []*process, ids []hlc.Timestamp) *loaded {
	l := &loaded{stop: make(chan struct{}), made: make(chan struct{}, 1), failed: make(chan error, len(ids)+1)}
	for i, id := range ids {
		l.all.Go(func() { l.deposit(ctx, processes[i%len(processes)], id) })
	}
	return l
}

func (l *loaded) deposit(ctx context.Context, p *process, id hlc.Timestamp) {
	for {
		if err := p.accounts.Send(ctx, id, Deposit{1}); err != nil {
			l.failed <- err
			return
		}
		l.deposits.Add(1)
		select {
		case <-l.stop:
			return
		case l.made <- struct{}{}:
		default:
		}
	}
}

// until returns after so many more deposits at least, or when one failed.
func (l *loaded) until(more int) {
	for range more {
		select {
		case <-l.made:
		case err := <-l.failed:
			l.failed <- err // for end
			return
		}
	}
}

// end returns how many there were, and what failed.
func (l *loaded) end() (int64, error) {
	close(l.stop)
	l.all.Wait()
	close(l.failed)
	var err error
	for one := range l.failed {
		err = errors.Join(err, one)
	}
	return l.deposits.Load(), err
}
