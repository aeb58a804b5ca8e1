package store_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// good is a commit of three events that nothing is wrong with.
func good() store.Commit {
	id := hlc.Timestamp{0: 1}
	c := store.Commit{AggregateID: id, Commands: []store.CommandRecord{{ID: "a", After: 6, Last: 9}}}
	for i := range types.Sequence(3) {
		c.Events = append(c.Events, types.Event{
			AggregateID: id, Sequence: 7 + i, Timestamp: hlc.Timestamp{15: byte(10 + i)},
			Type: "counter_incremented", Body: json.RawMessage(`{"by":1}`),
		})
	}
	return c
}

func TestAGoodCommitPassesItsCheck(t *testing.T) {
	t.Parallel()
	require.NoError(t, good().Check())
	c := good()
	c.Commands = nil
	require.NoError(t, c.Check())
	c = good()
	c.Events = nil
	require.NoError(t, c.Check(), "a command that did nothing")
	c = good()
	c.Events[0].Body = json.RawMessage(`{`)
	require.NoError(t, c.Check(), "bodies are the adapter's business")
}

func TestACheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil    func(c *store.Commit)
		sequence types.Sequence
		field    string
	}{
		"no aggregate":        {func(c *store.Commit) { c.AggregateID = hlc.Timestamp{} }, 0, "aggregate id"},
		"nothing to store":    {func(c *store.Commit) { c.Events, c.Commands = nil, nil }, 0, "commit"},
		"another aggregate's": {func(c *store.Commit) { c.Events[1].AggregateID[3]++ }, 8, "aggregate id"},
		"sequence zero":       {func(c *store.Commit) { c.Events[0].Sequence = 0 }, 0, "sequence"},
		"sequence too high": {func(c *store.Commit) {
			for i := range c.Events {
				c.Events[i].Sequence += types.MaxSequence - 8
			}
		}, types.MaxSequence + 1, "sequence"},
		"a gap inside":               {func(c *store.Commit) { c.Events[1].Sequence = 9 }, 9, "sequence"},
		"no timestamp":               {func(c *store.Commit) { c.Events[2].Timestamp = hlc.Timestamp{} }, 9, "timestamp"},
		"a timestamp twice":          {func(c *store.Commit) { c.Events[1].Timestamp = c.Events[0].Timestamp }, 8, "timestamp"},
		"a timestamp that falls":     {func(c *store.Commit) { c.Events[2].Timestamp = hlc.Timestamp{15: 1} }, 9, "timestamp"},
		"no body":                    {func(c *store.Commit) { c.Events[1].Body = nil }, 8, "body"},
		"no type":                    {func(c *store.Commit) { c.Events[0].Type = "" }, 7, "type"},
		"a type too long":            {func(c *store.Commit) { c.Events[0].Type = strings.Repeat("x", 257) }, 7, "type"},
		"a type with a NUL byte":     {func(c *store.Commit) { c.Events[0].Type = "a\x00" }, 7, "type"},
		"a type that is no UTF-8":    {func(c *store.Commit) { c.Events[0].Type = "\xc3" }, 7, "type"},
		"metadata with a NUL byte":   {func(c *store.Commit) { c.Events[1].Metadata.Actor = "a\x00" }, 8, "metadata"},
		"metadata that is no UTF-8":  {func(c *store.Commit) { c.Events[2].Metadata.CommandID = "\xff" }, 9, "metadata"},
		"no command ID":              {func(c *store.Commit) { c.Commands[0].ID = "" }, 9, "command id"},
		"a command ID too long":      {func(c *store.Commit) { c.Commands[0].ID = strings.Repeat("x", 257) }, 9, "command id"},
		"a command ID with NUL byte": {func(c *store.Commit) { c.Commands[0].ID = "\x00" }, 9, "command id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good()
			test.spoil(&c)
			var fault *store.InvalidEventError
			require.ErrorAs(t, c.Check(), &fault)
			require.ErrorIs(t, fault, store.ErrInvalidEvent)
			require.Equal(t, test.sequence, fault.Sequence)
			require.Equal(t, test.field, fault.Field)
			require.Equal(t, c.AggregateID, fault.AggregateID)
			require.NotEmpty(t, fault.Reason)
		})
	}
}

func TestTheLongestNamesPass(t *testing.T) {
	t.Parallel()
	c := good()
	c.Events[0].Type = strings.Repeat("x", types.MaxTypeLength)
	c.Events[1].Type = strings.Repeat("é", types.MaxTypeLength/2)
	c.Commands[0].ID = strings.Repeat("日", 85)
	require.NoError(t, c.Check())
}

func TestTheHighestSequencePasses(t *testing.T) {
	t.Parallel()
	c := good()
	for i := range c.Events {
		c.Events[i].Sequence += types.MaxSequence - 9
	}
	require.Equal(t, types.MaxSequence, c.Events[2].Sequence)
	require.NoError(t, c.Check())
}

// FuzzCheck looks for a commit that passes and is not what an adapter may rely on.
func FuzzCheck(f *testing.F) {
	f.Add("counter_incremented", "a", int64(7), int64(8), []byte{1}, []byte{2}, []byte(`{}`))
	f.Add("", "\x00", int64(-1), int64(1<<40), []byte{}, []byte{0xff}, []byte{})
	f.Fuzz(func(t *testing.T, kind, command string, first, second int64, at, later, body []byte) {
		c := good()
		c.Events = c.Events[:2]
		c.Events[0].Type, c.Commands[0].ID, c.Events[0].Body = kind, command, body
		c.Events[0].Sequence, c.Events[1].Sequence = types.Sequence(first), types.Sequence(second)
		c.Events[0].Timestamp, c.Events[1].Timestamp = hlc.Timestamp{}, hlc.Timestamp{}
		copy(c.Events[0].Timestamp[:], at)
		copy(c.Events[1].Timestamp[:], later)
		if err := c.Check(); err != nil {
			require.ErrorIs(t, err, store.ErrInvalidEvent)
			return
		}
		require.Equal(t, first+1, second)
		require.Positive(t, first)
		require.LessOrEqual(t, second, int64(types.MaxSequence))
		require.True(t, c.Events[0].Timestamp.Before(c.Events[1].Timestamp))
		require.NotEmpty(t, body)
		for _, name := range []string{kind, command} {
			require.NotEmpty(t, name)
			require.LessOrEqual(t, len(name), types.MaxTypeLength)
			require.NotContains(t, name, "\x00")
			require.Equal(t, name, strings.ToValidUTF8(name, ""))
		}
	})
}
