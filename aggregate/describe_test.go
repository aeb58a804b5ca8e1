package aggregate_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

func TestDescribeSaysWhatIsInADefinition(t *testing.T) {
	t.Parallel()
	nothing := func(*pgx.Batch, types.Event) error { return nil }
	d, err := aggregate.Describe(tallies(func(d *aggregate.Definition[tally]) {
		d.Upcasts = aggregate.Upcasts{
			"grown": aggregate.Rename("added"), "oldest": aggregate.Rename("grown"), "gone": aggregate.Drop(),
			"split": {To: []string{"added", "noted"}, Func: func(types.Event) ([]aggregate.Upcasted, error) { return nil, nil }},
		}
		d.Projections = []store.Projection{postgres.BatchProjection(nothing), postgres.BatchProjection(nothing,
			postgres.Refusals{"a": aggregate.Reject("it is taken"), "b": nil}, postgres.Refusals{"a": errApply, "c": errApply})}
	}))
	require.NoError(t, err)
	const addSchema = `{"type":"object","properties":{"By":{"type":"integer"}}}`
	require.Equal(t, "tally", d.Name)
	require.Len(t, d.Commands, 3)
	require.Equal(t, "add", d.Commands[0].Type)
	require.Equal(t, "aggregate_test.add", d.Commands[0].GoType)
	require.Equal(t, `{"type":"object","properties":{"By":{"type":"integer"}},"additionalProperties":false}`, string(d.Commands[0].Schema))
	require.Equal(t, aggregate.MessageDescription{Type: "run"}, d.Commands[2], "a CommandFunc")
	require.Equal(t, addSchema, string(d.Events[0].Schema))
	require.Equal(t, []aggregate.UpcastDescription{
		{Type: "gone"},
		{Type: "grown", To: []string{"added"}, Schema: []byte(addSchema)},
		{Type: "oldest", To: []string{"grown"}, Schema: []byte(addSchema)},
		{Type: "split", To: []string{"added", "noted"}},
	}, d.Upcasts)
	require.Equal(t, []aggregate.ProjectionDescription{
		{Store: "postgres"}, {Store: "postgres", Refusals: map[string]string{"a": "it is taken", "c": errApply.Error()}},
	}, d.Projections)
	require.JSONEq(t, `{"type":"object","properties":{"total":{"type":"integer"},"notes":{"type":["array","null"],"items":{"type":"string"}},
		"marks":{"type":["object","null"],"additionalProperties":{"type":"integer"}}}}`, string(d.State))

	_, err = aggregate.Describe(aggregate.Definition[tally]{})
	require.ErrorAs(t, err, new(*aggregate.DefinitionError))
}

func ExampleDescribe() {
	d, err := aggregate.Describe(aggregate.Definition[Counter]{
		Name:     "counter",
		Commands: aggregate.Commands[Counter]{"increment_counter": aggregate.Command(incrementCounter)},
		Events:   aggregate.Events[Counter]{"counter_incremented": aggregate.Event(counterIncremented)},
	})
	fmt.Println(err, d.Name)
	for _, m := range d.Events {
		fmt.Println(m.Type, string(m.Schema))
	}
	// Output:
	// <nil> counter
	// counter_incremented {"type":"object","properties":{"By":{"type":"integer"}}}
}
