package main

import (
	"bytes"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"github.com/stretchr/testify/require"
)

// described is the listing of a package with the given code.
func described(t *testing.T, code string) string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", "package p\n"+code, 0)
	require.NoError(t, err)
	c := types.Config{Importer: importer.ForCompiler(files, "source", nil)}
	p, err := c.Check("example.com/p", files, []*ast.File{file}, nil)
	require.NoError(t, err)
	out := &bytes.Buffer{}
	describe(out, p)
	return out.String()
}

func TestEveryKindOfNameHasItsLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, code, want string }{
		{"constant", `const A, b = 1, 2`, "const A untyped int = 1\n"},
		{"typed constant", `type K string; const A K = "a"`, "const A K = \"a\"\ntype K string\n"},
		{"variable", `var Err, other error`, "var Err error\n"},
		{"function", `func F[T any](a int, more ...T) (T, error) { panic(0) }; func g() {}`, "func F[T any](a int, more ...T) (T, error)\n"},
		{"alias", `type A = []int`, "type A = []int\n"},
		{
			"struct", `type e int; func (e) M() {}; type S struct { B, A int; c int; e }; func (*S) P() {}; func (S) V() {}; func (S) hidden() {}`,
			"type S struct\n\tB int\n\tA int\n\tunexported fields\n\tfunc (S) M()\n\tfunc (*S) P()\n\tfunc (S) V()\n",
		},
		{"embedding", `type E struct{}; type S struct { E }`, "type E struct\ntype S struct\n\tembeds E\n"},
		{"generic", `type G[K comparable, V any] map[K]V; func (g G[K, V]) Get(k K) V { return g[k] }`, "type G[K comparable, V any] map[K]V\n\tfunc (G[K, V]) Get(k K) V\n"},
		{"interface", `type I interface { Z(); A() error }`, "type I interface\n\tA() error\n\tZ()\n"},
		{"sealed interface", `type I interface { A(); b() }; type J interface { I; C() }`, "type I interface\n\tA()\n\tunexported methods\ntype J interface\n\tembeds I\n\tA()\n\tC()\n\tunexported methods\n"},
		{"name of another package", `import "time"; func F(time.Duration) {}`, "func F(time.Duration)\n"},
		{"nothing", `type t struct{ A int }`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, described(t, c.code))
		})
	}
}

func TestTheListingHoldsWhatAnAppImportsAndNothingElse(t *testing.T) {
	t.Parallel()
	text, err := api()
	require.NoError(t, err)
	for _, there := range []string{"aggregate", "aggregate/aggregatetest", "hlc", "migrations", "store", "store/memory", "store/postgres", "store/storetest", "types"} {
		require.Contains(t, string(text), "package github.com/eventmaestro/maestro/"+there+"\n\n")
	}
	require.NotContains(t, string(text), "maestro/internal")
	require.NotContains(t, string(text), "maestro/examples")
	require.NotContains(t, string(text), "package github.com/eventmaestro/maestro/migrations/maestro-migrations")
	require.NotContains(t, string(text), "#")
	require.Contains(t, string(text), "\tfunc (*Root[S]) Evaluate(ctx context.Context, command types.Command) error\n")
}
