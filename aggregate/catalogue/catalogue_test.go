package catalogue_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/catalogue"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

type (
	folder struct {
		Name  string   `json:"name"`
		Below []folder `json:"below"`
	}
	tree   struct{ Root folder }
	put    struct{ Folder folder }
	placed struct{ Folder folder }
)

// trees is a definition with something of everything.
func trees() aggregate.Definition[tree] {
	return aggregate.Definition[tree]{
		Name: "tree",
		Commands: aggregate.Commands[tree]{
			"put": aggregate.Command(func(context.Context, aggregate.Instance[tree], put) ([]types.Uncommitted, error) { return nil, nil }),
			"raw": aggregate.CommandFunc[tree](func(context.Context, aggregate.Instance[tree], types.Command) ([]types.Uncommitted, error) {
				return nil, nil
			}),
		},
		Events: aggregate.Events[tree]{"placed": aggregate.Event(func(s tree, e placed) tree { s.Root = e.Folder; return s })},
		Upcasts: aggregate.Upcasts{
			"put down":  aggregate.Rename("placed"),
			"put/there": aggregate.Rewrite("placed", func(b json.RawMessage) (json.RawMessage, error) { return b, nil }),
			"sneezed":   aggregate.Drop(),
		},
		Projections: []store.Projection{
			postgres.BatchProjection(func(*pgx.Batch, types.Event) error { return nil }, postgres.Refusals{"trees_pkey": aggregate.Reject("it is there")}),
			memory.Projection(func(context.Context, *memory.ProjectionTx, types.Event) error { return nil }),
		},
	}
}

func describe(t *testing.T) aggregate.Description {
	t.Helper()
	d, err := aggregate.Describe(trees())
	require.NoError(t, err)
	return d
}

func TestTheMarkdownSaysAll(t *testing.T) {
	t.Parallel()
	text := string(catalogue.Markdown("Trees", describe(t)))
	for _, want := range []string{
		"# Trees\n", "## tree\n", "**`put`**, data `catalogue_test.put`", "**`raw`**, whose data its handler reads by itself",
		"**`placed`**, body `catalogue_test.placed`", `"$ref": "#/$defs/folder"`, "| `put down` | `placed` |", "| `put/there` | `placed`, rewritten |",
		"| `sneezed` | nothing: it is passed over |", "1. for postgres\n   - `trees_pkey`: it is there\n2. for memory\n", "### State\n",
	} {
		require.Contains(t, text, want)
	}
}

func TestEveryReferenceOfTheAsyncAPILeadsSomewhere(t *testing.T) {
	t.Parallel()
	text := catalogue.AsyncAPI("Trees", describe(t))
	var doc map[string]any
	require.NoError(t, json.Unmarshal(text, &doc))
	require.Equal(t, "3.0.0", doc["asyncapi"])
	references := regexp.MustCompile(`"\$ref": "(.*)"`).FindAllSubmatch(text, -1)
	require.NotEmpty(t, references)
	key := regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	for _, r := range references {
		at := any(doc)
		for _, step := range strings.Split(strings.TrimPrefix(string(r[1]), "#/"), "/") {
			require.Regexp(t, key, step)
			require.Contains(t, at, step, "%s", r[1])
			at = at.(map[string]any)[step]
		}
	}
	var events struct {
		Channels map[string]struct{ Messages map[string]any }
	}
	require.NoError(t, json.Unmarshal(text, &events))
	require.Len(t, events.Channels["tree.events"].Messages, 4, "the older ones, too: the log has them")
	require.Len(t, events.Channels["tree.commands"].Messages, 2)
	require.NotContains(t, string(text), "$defs")
}

func TestRunKeepsFilesAndFindsThoseThatAreBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"-markdown", filepath.Join(dir, "a.md"), "-asyncapi", filepath.Join(dir, "a.json")}
	checked := append([]string{"-check"}, args...)
	require.Error(t, catalogue.Run("Trees", checked, describe(t)), "there are none yet")
	require.NoError(t, catalogue.Run("Trees", args, describe(t)))
	require.NoError(t, catalogue.Run("Trees", checked, describe(t)))
	changed := describe(t)
	changed.Events[0].Type = "moved"
	require.ErrorContains(t, catalogue.Run("Trees", checked, changed), "a.md is behind the code")
	require.NoError(t, os.WriteFile(args[3], []byte("{}"), 0o600))
	require.ErrorContains(t, catalogue.Run("Trees", checked, describe(t)), "a.json is behind the code")
	require.Error(t, catalogue.Run("Trees", []string{"-check"}, describe(t)))
	require.Error(t, catalogue.Run("Trees", []string{"-what"}, describe(t)))
}
