package storetest

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func commandClauses() []clause {
	return needing(FeatureCommands, []clause{
		{name: "a command ID is refused by a store that keeps none", run: commandsUnsupported, without: FeatureCommands},
		{name: "a command ID that was never used is not known", run: commandUnknown},
		{name: "a command ID is recorded with the events", run: commandRecorded},
		{name: "a command without events is recorded", run: commandWithoutEvents},
		{name: "several commands of one commit are recorded", run: severalCommands},
		{name: "a command ID that was used is refused, with the events", run: commandRepeated},
		{name: "a command ID twice in a commit is refused", run: commandTwice},
		{name: "a conflict is told before a duplicate command ID", run: conflictBeforeCommand},
		{name: "a commit that is refused uses no command ID", run: refusalUsesNoID},
		{name: "the same command ID of another aggregate is another", run: commandsApart},
		{name: "a command ID has 1 to 256 bytes of UTF-8", run: commandIDs},
		{name: "of racing commands with one ID one is recorded", run: commandRace},
		{name: "pruning forgets what was recorded before a time", run: prune},
	})
}

// command is a record whose events are those in (after, last].
func command(id string, after, last types.Sequence) store.CommandRecord {
	return store.CommandRecord{ID: id, Fingerprint: sha256.Sum256([]byte(id)), After: after, Last: last}
}

// used commits events together with command IDs.
func (v *env) used(id hlc.Timestamp, events []types.Event, commands ...store.CommandRecord) error {
	return v.try(store.Commit{AggregateID: id, Events: events, Commands: commands})
}

func (v *env) lookup(id hlc.Timestamp, command string) *store.CommandRecord {
	v.Helper()
	r, err := v.a.(store.CommandLog).LookupCommand(v.Context(), id, command)
	require.NoError(v, err)
	return r
}

func commandsUnsupported(v *env) {
	id := v.stamp()
	require.ErrorIs(v, v.used(id, v.events(id, 1, 1), command("a", 0, 1)), store.ErrUnsupported)
	require.ErrorIs(v, v.used(id, nil, command("a", 0, 0)), store.ErrUnsupported)
	v.holds(id)
}

func commandUnknown(v *env) {
	id := v.stamp()
	require.Nil(v, v.lookup(id, "a"))
	v.history(id, 1)
	require.Nil(v, v.lookup(id, "a"))
}

func commandRecorded(v *env) {
	id := v.stamp()
	want := command("größe/🎉 '1'", 0, 3)
	require.NoError(v, v.used(id, v.events(id, 1, 3), want))
	require.Equal(v, &want, v.lookup(id, want.ID))
	v.lookup(id, want.ID).Last = 99
	require.Equal(v, &want, v.lookup(id, want.ID))
}

func commandWithoutEvents(v *env) {
	id, fresh := v.stamp(), v.stamp()
	log := v.history(id, 2)
	want := command("nothing", 2, 2)
	require.NoError(v, v.used(id, nil, want))
	require.Equal(v, &want, v.lookup(id, "nothing"))
	require.ErrorIs(v, v.used(id, nil, want), store.ErrDuplicateCommand)
	v.holds(id, log...)
	require.NoError(v, v.used(fresh, nil, command("nothing", 0, 0)))
	v.holds(fresh)
	v.history(fresh, 1)
}

func severalCommands(v *env) {
	id := v.stamp()
	a, b, c := command("a", 0, 1), command("b", 1, 1), command("c", 1, 3)
	require.NoError(v, v.used(id, v.events(id, 1, 3), a, b, c))
	require.Equal(v, &a, v.lookup(id, "a"))
	require.Equal(v, &b, v.lookup(id, "b"))
	require.Equal(v, &c, v.lookup(id, "c"))
}

func commandRepeated(v *env) {
	id := v.stamp()
	first := command("a", 0, 1)
	log := v.events(id, 1, 1)
	require.NoError(v, v.used(id, log, first))
	err := v.used(id, v.events(id, 2, 2), command("b", 1, 2), command("a", 2, 3))
	require.ErrorIs(v, err, store.ErrDuplicateCommand)
	require.NotErrorIs(v, err, store.ErrConflict)
	v.holds(id, log...)
	require.Equal(v, &first, v.lookup(id, "a"))
	require.Nil(v, v.lookup(id, "b"))
}

func commandTwice(v *env) {
	id := v.stamp()
	err := v.used(id, v.events(id, 1, 2), command("a", 0, 1), command("a", 1, 2))
	require.ErrorIs(v, err, store.ErrDuplicateCommand)
	v.holds(id)
	require.Nil(v, v.lookup(id, "a"))
}

func conflictBeforeCommand(v *env) {
	id := v.stamp()
	log := v.events(id, 1, 1)
	require.NoError(v, v.used(id, log, command("a", 0, 1)))
	require.ErrorIs(v, v.used(id, log, command("a", 0, 1)), store.ErrConflict, "the very same commit")
	require.ErrorIs(v, v.used(id, v.events(id, 1, 1), command("a", 0, 1)), store.ErrConflict)
}

func refusalUsesNoID(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	require.ErrorIs(v, v.used(id, v.events(id, 1, 1), command("a", 0, 1)), store.ErrConflict)
	bad := v.events(id, 2, 1)
	bad[0].Body = []byte(`{"text": "\u0000"}`)
	require.ErrorIs(v, v.used(id, bad, command("a", 1, 2)), store.ErrInvalidEvent)
	bad = v.events(id, 2, 1)
	bad[0].Timestamp = log[0].Timestamp
	require.ErrorIs(v, v.used(id, bad, command("a", 1, 2)), store.ErrDuplicateTimestamp)
	require.Nil(v, v.lookup(id, "a"))
	require.NoError(v, v.used(id, v.events(id, 2, 1), command("a", 1, 2)))
}

func commandsApart(v *env) {
	a, b := v.stamp(), v.stamp()
	require.NoError(v, v.used(a, v.events(a, 1, 1), command("a", 0, 1)))
	require.Nil(v, v.lookup(b, "a"))
	require.NoError(v, v.used(b, v.events(b, 1, 2), command("a", 0, 2)))
	require.Equal(v, types.Sequence(1), v.lookup(a, "a").Last)
	require.Equal(v, types.Sequence(2), v.lookup(b, "a").Last)
}

func commandIDs(v *env) {
	id := v.stamp()
	longest := strings.Repeat("é", 128)
	require.NoError(v, v.used(id, nil, command(longest, 0, 0)))
	require.NotNil(v, v.lookup(id, longest))
	for _, bad := range []string{"", longest + "x", "a\x00b", "a\xff"} {
		require.ErrorIs(v, v.used(id, v.events(id, 1, 1), command(bad, 0, 1)), store.ErrInvalidEvent, "%q", bad)
	}
	v.holds(id)
}

func commandRace(v *env) {
	for round := range 8 {
		id, name := v.stamp(), fmt.Sprint(round)
		won := 0
		for _, err := range race(8, func(int) error { return v.used(id, nil, command(name, 0, 0)) }) {
			if err == nil {
				won++
				continue
			}
			require.ErrorIs(v, err, store.ErrDuplicateCommand)
		}
		require.Equal(v, 1, won)
	}
}

func prune(v *env) {
	id := v.stamp()
	events := v.events(id, 1, 1)
	require.NoError(v, v.used(id, events, command("a", 0, 1), command("b", 1, 1)))
	log := v.a.(store.CommandLog)
	// An hour on both sides, for the clock of a database may be another.
	n, err := log.PruneCommands(v.Context(), time.Now().Add(-time.Hour))
	require.NoError(v, err)
	require.Zero(v, n)
	require.NotNil(v, v.lookup(id, "a"))
	n, err = log.PruneCommands(v.Context(), time.Now().Add(time.Hour))
	require.NoError(v, err)
	require.Equal(v, int64(2), n)
	require.Nil(v, v.lookup(id, "a"))
	v.holds(id, events...)
	require.NoError(v, v.used(id, nil, command("a", 1, 1)))
}
