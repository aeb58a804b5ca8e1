package aggregatetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// add writes what the files lack.
func (g *goldens[S]) add() {
	g.t.Helper()
	all := slices.Collect(maps.Keys(g.d.Events))
	all = slices.AppendSeq(all, maps.Keys(g.d.Upcasts))
	slices.Sort(all)
	for _, eventType := range all {
		c, err := g.eventCase(eventType)
		g.keep(&goldenFile{Kind: kindEvent, Type: eventType}, c, err)
	}
	c, err := g.snapshotCase()
	g.keep(&goldenFile{Kind: kindSnapshot}, c, err)
	if g.d.PrepareSnapshot == nil && g.d.UseSnapshot == nil {
		body, err := encode(sample(reflect.TypeFor[S]()).Interface())
		g.keep(&goldenFile{Kind: kindState}, goldenCase{Body: body}, err)
	}
}

// keep adds a case to a file, unless it has one that is as much.
func (g *goldens[S]) keep(f *goldenFile, c goldenCase, err error) {
	g.t.Helper()
	name := f.name()
	if old := g.files[name]; old != nil {
		f = old
	}
	if len(f.Cases) > 0 && err != nil {
		return // it can't be made any more, and what is there is checked
	}
	for _, old := range f.Cases {
		if lost("", c.Body, old.Body) == "" && lost("", c.State, old.State) == "" {
			return
		}
	}
	if err == nil {
		f.Cases = append(f.Cases, c)
		g.files[name] = f
		err = g.write(name, f)
	}
	if err != nil {
		g.t.Errorf("aggregatetest: golden: %s: %v", filepath.Join(g.dir, name), err)
	}
}

func (g *goldens[S]) write(name string, f *goldenFile) error {
	raw, err := indented(f)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(g.dir, name), raw, 0o644)
}

// eventCase makes a body of an event type up, or takes the sample, and applies it.
func (g *goldens[S]) eventCase(eventType string) (c goldenCase, err error) {
	at := slices.IndexFunc(g.samples, func(s types.Uncommitted) bool { return s.Type == eventType })
	if at >= 0 {
		c.Body, err = encode(g.samples[at].Body)
	} else {
		c.Body, err = g.madeUp(eventType, nil)
	}
	if err != nil {
		return c, err
	}
	if c.State, err = g.stateOf(eventType, c); err != nil && at > 0 {
		for _, before := range g.samples[:at] {
			body, err := encode(before.Body)
			if err != nil {
				return c, fmt.Errorf("sample of %q: %w", before.Type, err)
			}
			c.After = append(c.After, goldenBefore{before.Type, body})
		}
		c.State, err = g.stateOf(eventType, c)
	}
	if err != nil {
		return c, fmt.Errorf("%w: give Golden a sample of %q, after samples of the events that go before it", err, eventType)
	}
	return c, nil
}

// madeUp follows upcasts that leave the body alone to a handler that knows its type.
func (g *goldens[S]) madeUp(eventType string, seen []string) (json.RawMessage, error) {
	if u, ok := g.d.Upcasts[eventType]; ok && u.Func == nil && !slices.Contains(seen, eventType) {
		if len(u.To) == 0 {
			return json.RawMessage("{}"), nil // it is passed over
		}
		return g.madeUp(u.To[0], append(seen, eventType))
	}
	typed, ok := g.d.Events[eventType].(aggregate.Typed)
	if !ok {
		return nil, fmt.Errorf("the Go type of the body is not known: give Golden a sample of %q", eventType)
	}
	return encode(sample(typed.GoType()).Interface())
}

// snapshotCase stores the snapshot of a state with something in every field.
func (g *goldens[S]) snapshotCase() (c goldenCase, err error) {
	state, ok := sample(reflect.TypeFor[S]()).Interface().(S)
	if !ok {
		return c, fmt.Errorf("a state of type %v can't be made up", reflect.TypeFor[S]())
	}
	story := New(quiet{}, g.d)
	story.GivenState(state)
	if story.broken {
		return c, fmt.Errorf("a state that was made up can't be copied: %+v", state)
	}
	s := story.open(story.store)
	defer s.end()
	ctx := context.Background()
	if err := s.Snapshot(ctx, story.id); err != nil {
		return c, err
	}
	snapshot, err := story.store.LatestSnapshot(ctx, story.id, store.Range{})
	if err != nil {
		return c, err
	}
	c.Body = snapshot.Body
	from, used, err := g.fromSnapshot(c)
	if err == nil && !used {
		err = fmt.Errorf("the snapshot that was stored is passed over: %s", c.Body)
	}
	c.State = from
	return c, err
}
