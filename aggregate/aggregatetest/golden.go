package aggregatetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/types"
)

// The flag of go test. A test package that has an -update of its own and imports this one finds it
// with flag.Lookup("update").
func init() {
	if flag.Lookup("update") == nil {
		flag.Bool("update", false, "let aggregatetest.Golden write what is new")
	}
}

func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// Golden fails when d can't read what older versions of the program have stored. Run with
//
//	go test -run TestTheNameOfYourTest -update
//
// it writes a body of every event type and upcast, a snapshot and a state into dir, one file per
// type. Commit the files. From then on it fails if one of them can't be read, gives another state
// or loses a field, and if a type has vanished. Additions pass, both fields and types. -update adds
// what is new and never changes what is there. If no log has an old form any more, delete its file,
// or the case in it.
//
// Golden makes up bodies from the handlers' Go types. If a handler has none, such as an EventFunc
// or the old side of an upcast, the body is that of the type's sample. Before an event all samples
// before its own are applied, so give samples in the order of a log.
func Golden[S any](t T, d aggregate.Definition[S], dir string, samples ...types.Uncommitted) {
	t.Helper()
	golden(t, d, dir, updating(), samples)
}

func golden[S any](t T, d aggregate.Definition[S], dir string, update bool, samples []types.Uncommitted) {
	t.Helper()
	d.Projections = nil
	if err := check(d); err != nil {
		t.Fatalf("aggregatetest: golden: %v", err)
		return
	}
	g := &goldens[S]{t: t, d: d, dir: dir, samples: samples}
	if err := g.read(); err != nil {
		t.Fatalf("aggregatetest: golden: %v", err)
		return
	}
	if len(g.files) == 0 && !update {
		t.Fatalf("aggregatetest: golden: %s has no files: run the test with -update once, and keep them in the repository", dir)
		return
	}
	g.check()
	if update {
		g.add()
	}
}

// goldens are the files of a definition.
type goldens[S any] struct {
	t       T
	d       aggregate.Definition[S]
	dir     string
	samples []types.Uncommitted
	files   map[string]*goldenFile // by the file's name
}

// goldenFile is what a file holds: a type, and what was stored of it by one version of the program
// after the other.
type goldenFile struct {
	Kind  string       `json:"kind"` // event, snapshot or state
	Type  string       `json:"type,omitempty"`
	Cases []goldenCase `json:"cases"`
}

// goldenCase is a body as it is stored, and the state that it leads to.
type goldenCase struct {
	After []goldenBefore  `json:"after,omitempty"` // what is applied first
	Body  json.RawMessage `json:"body"`
	State json.RawMessage `json:"state,omitempty"`
}

// goldenBefore is an event without which another can't be applied.
type goldenBefore struct {
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
}

const (
	kindEvent    = "event"
	kindSnapshot = "snapshot"
	kindState    = "state"
)

func (f *goldenFile) name() string {
	if f.Kind != kindEvent {
		return f.Kind + ".json"
	}
	return kindEvent + "." + strings.ReplaceAll(url.PathEscape(f.Type), ":", "%3A") + ".json"
}

func (g *goldens[S]) read() error {
	g.files = map[string]*goldenFile{}
	entries, err := os.ReadDir(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".json" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(g.dir, e.Name()))
		if err != nil {
			return err
		}
		f := &goldenFile{}
		if err := json.Unmarshal(raw, f); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		g.files[e.Name()] = f
	}
	return nil
}

// check reads all that is in the files.
func (g *goldens[S]) check() {
	g.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		f := g.files[name]
		for i, c := range f.Cases {
			var fault string
			switch f.Kind {
			case kindEvent:
				fault = g.checkEvent(f.Type, c)
			case kindSnapshot:
				fault = g.checkSnapshot(c)
			case kindState:
				fault = g.checkState(c)
			default:
				fault = fmt.Sprintf("is of kind %q, which does not exist", f.Kind)
			}
			if fault != "" {
				g.t.Errorf("aggregatetest: golden: %s, case %d: %s", filepath.Join(g.dir, name), i+1, fault)
			}
		}
	}
}

func (g *goldens[S]) checkEvent(eventType string, c goldenCase) string {
	handler := g.d.Events[eventType]
	if _, upcast := g.d.Upcasts[eventType]; !upcast && handler == nil {
		return fmt.Sprintf("event type %q has vanished: logs have events of it, so add an upcast from it (aggregate.Drop ignores them), or delete the file if no log has it", eventType)
	}
	if typed, ok := handler.(aggregate.Typed); ok {
		if fault := survivesAs(typed.GoType(), c.Body); fault != "" {
			return fmt.Sprintf("a stored body of event type %q %s", eventType, fault)
		}
	}
	state, err := g.stateOf(eventType, c)
	if err != nil {
		return fmt.Sprintf("a stored event of type %q can't be read: %v", eventType, err)
	}
	if diff := lost("state", c.State, state); diff != "" {
		return fmt.Sprintf("a stored event of type %q gives another state%s", eventType, diff)
	}
	return ""
}

// survivesAs says what a stored body loses when it is read as a Go type, or nothing.
func survivesAs(t reflect.Type, body json.RawMessage) string {
	v := reflect.New(t)
	if err := json.Unmarshal(body, v.Interface()); err != nil {
		return fmt.Sprintf("can't be read as %v: %v", t, err)
	}
	again, err := encode(v.Elem().Interface())
	if err != nil {
		return fmt.Sprintf("can't be encoded again: %v", err)
	}
	if diff := lost("body", body, again); diff != "" {
		return fmt.Sprintf("loses something when it is read as %v: give the field its old name in a json tag, or the new shape a type of its own and the old one an upcast%s", t, diff)
	}
	return ""
}

func (g *goldens[S]) checkSnapshot(c goldenCase) string {
	state, used, err := g.fromSnapshot(c)
	switch {
	case err != nil:
		return fmt.Sprintf("a stored snapshot stops the aggregate: %v", err)
	case !used:
		return "" // passed over: the events are replayed
	}
	if diff := lost("state", c.State, state); diff != "" {
		return "a stored snapshot gives another state: give Definition.SnapshotVersion another number, so that it is passed over" + diff
	}
	return ""
}

func (g *goldens[S]) checkState(c goldenCase) string {
	if g.d.PrepareSnapshot != nil || g.d.UseSnapshot != nil {
		return "" // the state's own JSON is stored nowhere
	}
	if fault := survivesAs(reflect.TypeFor[S](), c.Body); fault != "" {
		return "the state " + fault
	}
	return ""
}

// stateOf returns, as JSON, the state after one event, and those that go before it.
func (g *goldens[S]) stateOf(eventType string, c goldenCase) (json.RawMessage, error) {
	story := New(quiet{}, g.d)
	var given []types.Uncommitted
	for _, before := range c.After {
		given = append(given, types.NewEvent(before.Type, before.Body))
	}
	if err := story.append(append(given, types.NewEvent(eventType, c.Body))); err != nil {
		return nil, err
	}
	current, err := story.read(story.store)
	if err != nil {
		return nil, err
	}
	return g.encodeState(current)
}

func (g *goldens[S]) encodeState(current aggregate.Instance[S]) (json.RawMessage, error) {
	if g.d.PrepareSnapshot == nil {
		return encode(current.State)
	}
	prepared, err := g.d.PrepareSnapshot(current)
	if err != nil {
		return nil, err
	}
	return encode(prepared)
}

// fromSnapshot starts an aggregate whose events no longer matter from a stored snapshot.
func (g *goldens[S]) fromSnapshot(c goldenCase) (state json.RawMessage, used bool, err error) {
	story := New(quiet{}, g.d)
	story.GivenState(*new(S))
	if story.broken {
		return nil, false, errors.New("the zero state can't be copied: see Definition.Clone")
	}
	ctx := context.Background()
	snapshot := types.Snapshot{AggregateID: story.id, Sequence: 1, Body: c.Body}
	if err := story.store.CommitSnapshot(ctx, snapshot); err != nil {
		return nil, false, err
	}
	s := story.open(story.store)
	defer s.end()
	current, err := s.FetchInstance(ctx, story.id)
	if err != nil || s.snapshot != 1 {
		return nil, false, err
	}
	state, err = g.encodeState(current)
	return state, true, err
}

// quiet is a test that doesn't end.
type quiet struct{}

func (quiet) Helper()               {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

// indented is JSON for people.
func indented(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
