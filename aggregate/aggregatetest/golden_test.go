package aggregatetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// The first version of a program.
type (
	ledger struct {
		Owner   string            `json:"owner"`
		Balance int64             `json:"balance"`
		Tags    map[string]string `json:"tags"`
	}
	ledgerOpened struct{ Owner string }
	ledgerPaid   struct {
		Cents int64
		Note  string
		At    time.Time
		By    hlc.Timestamp
	}
)

func ledgers() aggregate.Definition[ledger] {
	return aggregate.Definition[ledger]{
		Name:     "ledger",
		Commands: aggregate.Commands[ledger]{"pay": idle[ledger]()},
		Events: aggregate.Events[ledger]{
			"opened": aggregate.Event(func(l ledger, e ledgerOpened) ledger { l.Owner = e.Owner; return l }),
			"paid":   aggregate.Event(func(l ledger, e ledgerPaid) ledger { l.Balance += e.Cents; return l }),
			"closed": aggregate.EventFunc[ledger](func(l ledger, _ types.Event) (ledger, error) {
				if l.Owner == "" {
					return l, fmt.Errorf("not open")
				}
				l.Owner = ""
				return l, nil
			}),
		},
		Upcasts: aggregate.Upcasts{
			"created": aggregate.Rename("opened"),
			"paid_in_units": aggregate.Rewrite("paid", func(body json.RawMessage) (json.RawMessage, error) {
				var old struct{ Units int64 }
				if err := json.Unmarshal(body, &old); err != nil {
					return nil, err
				}
				return json.Marshal(ledgerPaid{Cents: old.Units * 100})
			}),
			"printed": aggregate.Drop(),
		},
	}
}

func idle[S any]() aggregate.CommandHandler[S] {
	return aggregate.Command(func(context.Context, aggregate.Instance[S], struct{}) ([]types.Uncommitted, error) { return nil, nil })
}

func ledgerSamples() []types.Uncommitted {
	return types.Events(
		types.NewEvent("opened", ledgerOpened{"Ada"}),
		types.NewEvent("closed", nil),
		types.NewEvent("paid_in_units", map[string]int{"Units": 3}),
	)
}

// written is the directory of the first version.
func written(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	golden(t, ledgers(), dir, true, ledgerSamples())
	return dir
}

// told keeps what a test is told.
type told struct{ texts []string }

func (*told) Helper() {}
func (f *told) Errorf(format string, args ...any) {
	f.texts = append(f.texts, fmt.Sprintf(format, args...))
}
func (f *told) Fatalf(format string, args ...any) { f.Errorf(format, args...) }

// failures are those of a definition beside the files of the first version.
func failures[S any](t *testing.T, d aggregate.Definition[S]) []string {
	t.Helper()
	f := &told{}
	golden(f, d, written(t), false, ledgerSamples())
	return f.texts
}

func TestGoldenPassesForWhatItWasWrittenOf(t *testing.T) {
	t.Parallel()
	dir := written(t)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 8, "6 types, a snapshot, a state")
	before := contents(t, dir)
	golden(t, ledgers(), dir, false, ledgerSamples())
	golden(t, ledgers(), dir, true, ledgerSamples())
	require.Equal(t, before, contents(t, dir), "-update changes nothing that is there")
	var paid goldenFile
	require.NoError(t, json.Unmarshal([]byte(before["event.paid.json"]), &paid))
	require.JSONEq(t, `{"Cents": 7, "Note": "Note", "At": "2020-01-01T01:00:00Z", "By": "2020-01-01T01:00:00.000Z-0001-0000000000000007"}`, string(paid.Cases[0].Body))
	require.JSONEq(t, `{"owner": "", "balance": 7, "tags": null}`, string(paid.Cases[0].State))
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(raw)
	}
	return all
}

func TestGoldenWithoutFilesFails(t *testing.T) {
	t.Parallel()
	f := &told{}
	golden(f, ledgers(), t.TempDir(), false, nil)
	require.Len(t, f.texts, 1)
	require.Contains(t, f.texts[0], "-update once")
}

func TestGoldenAsksForSamplesOfWhatItCantMakeUp(t *testing.T) {
	t.Parallel()
	f := &told{}
	golden(f, ledgers(), t.TempDir(), true, nil)
	require.Len(t, f.texts, 2)
	require.Contains(t, f.texts[0], `give Golden a sample of "closed"`)
	require.Contains(t, f.texts[1], `event.paid_in_units.json`)
}

func TestGoldenFailsForAFieldOfABodyThatIsRenamed(t *testing.T) {
	t.Parallel()
	type renamed struct {
		Cents   int64
		Comment string // was Note, which no state shows
		At      time.Time
		By      hlc.Timestamp
	}
	d := ledgers()
	d.Events["paid"] = aggregate.Event(func(l ledger, e renamed) ledger { l.Balance += e.Cents; return l })
	texts := failures(t, d)
	require.Len(t, texts, 1)
	require.Contains(t, texts[0], `event.paid.json, case 1: a stored body of event type "paid" loses something when it is read as aggregatetest.renamed`)
	require.Contains(t, texts[0], `body.Note: was "Note", is missing`)
}

func TestGoldenFailsForAFieldOfABodyThatIsRetyped(t *testing.T) {
	t.Parallel()
	type retyped struct {
		Cents string
		Note  string
		At    time.Time
		By    hlc.Timestamp
	}
	d := ledgers()
	d.Events["paid"] = aggregate.Event(func(l ledger, _ retyped) ledger { return l })
	d.Upcasts = nil
	texts := failures(t, d)
	require.Contains(t, fmt.Sprint(texts), `a stored body of event type "paid" can't be read as aggregatetest.retyped`)
}

func TestGoldenFailsForATypeThatIsDropped(t *testing.T) {
	t.Parallel()
	d := ledgers()
	delete(d.Events, "closed")
	texts := failures(t, d)
	require.Len(t, texts, 1)
	require.Contains(t, texts[0], `event type "closed" has vanished`)
}

func TestGoldenFailsForAnUpcastThatIsDropped(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"created", "paid_in_units", "printed"} {
		d := ledgers()
		delete(d.Upcasts, from)
		texts := failures(t, d)
		require.Len(t, texts, 1)
		require.Contains(t, texts[0], fmt.Sprintf("event type %q has vanished", from))
	}
}

func TestGoldenFailsForAnUpcastThatReadsAnotherState(t *testing.T) {
	t.Parallel()
	d := ledgers()
	d.Upcasts["paid_in_units"] = aggregate.Rename("paid") // which knows no Units
	texts := failures(t, d)
	require.Len(t, texts, 1)
	require.Contains(t, texts[0], "gives another state")
	require.Contains(t, texts[0], "state.balance: was 300, is 0")
}

func TestGoldenFailsForAFieldOfTheStateThatIsDropped(t *testing.T) {
	t.Parallel()
	type smaller struct {
		Owner   string `json:"owner"`
		Balance int64  `json:"balance"`
	}
	texts := failures(t, rebuilt(func(l smaller, e ledgerOpened) smaller { l.Owner = e.Owner; return l },
		func(l smaller, e ledgerPaid) smaller { l.Balance += e.Cents; return l }))
	require.NotEmpty(t, texts)
	require.Contains(t, texts[len(texts)-1], "state.json, case 1: the state loses something")
	require.Contains(t, texts[len(texts)-1], "body.tags: was {")
}

// rebuilt is the definition with another state.
func rebuilt[S any](opened func(S, ledgerOpened) S, paid func(S, ledgerPaid) S) aggregate.Definition[S] {
	return aggregate.Definition[S]{
		Name:     "ledger",
		Commands: aggregate.Commands[S]{"pay": idle[S]()},
		Events: aggregate.Events[S]{
			"opened": aggregate.Event(opened),
			"paid":   aggregate.Event(paid),
			"closed": aggregate.EventFunc[S](func(s S, _ types.Event) (S, error) { return opened(s, ledgerOpened{}), nil }),
		},
		Upcasts: ledgers().Upcasts,
	}
}

func TestGoldenPassesForWhatIsAdded(t *testing.T) {
	t.Parallel()
	type larger struct {
		Owner   string            `json:"owner"`
		Limit   *int64            `json:"limit"`
		Balance int64             `json:"balance"`
		Tags    map[string]string `json:"tags"`
	}
	type paidBy struct {
		ledgerPaid
		Clerk string
	}
	d := rebuilt(func(l larger, e ledgerOpened) larger { l.Owner = e.Owner; return l },
		func(l larger, e ledgerPaid) larger { l.Balance += e.Cents; return l })
	d.Events["paid"] = aggregate.Event(func(l larger, e paidBy) larger { l.Balance += e.Cents; return l })
	d.Events["limited"] = aggregate.Event(func(l larger, e struct{ Cents int64 }) larger { l.Limit = &e.Cents; return l })
	require.Empty(t, failures(t, d))

	dir := written(t)
	golden(t, d, dir, true, ledgerSamples())
	all := contents(t, dir)
	require.Contains(t, all, "event.limited.json")
	var paid goldenFile
	require.NoError(t, json.Unmarshal([]byte(all["event.paid.json"]), &paid))
	require.Len(t, paid.Cases, 2, "the body with the new field beside the old one")
	golden(t, d, dir, false, ledgerSamples())
}

func TestGoldenFailsForASnapshotOfAnotherMeaning(t *testing.T) {
	t.Parallel()
	version := ledgers()
	version.SnapshotVersion = 3
	dir := t.TempDir()
	golden(t, version, dir, true, ledgerSamples())
	type renamed struct {
		Name    string            `json:"name"`
		Balance int64             `json:"balance"`
		Tags    map[string]string `json:"tags"`
	}
	next := rebuilt(func(l renamed, e ledgerOpened) renamed { l.Name = e.Owner; return l },
		func(l renamed, e ledgerPaid) renamed { l.Balance += e.Cents; return l })
	next.SnapshotVersion = 3
	f := &told{}
	golden(f, next, dir, false, ledgerSamples())
	require.Contains(t, fmt.Sprint(f.texts), "snapshot.json, case 1: a stored snapshot gives another state: give Definition.SnapshotVersion another number")
	next.SnapshotVersion = 4
	f = &told{}
	golden(f, next, dir, false, ledgerSamples())
	require.NotContains(t, fmt.Sprint(f.texts), "snapshot.json")
}
