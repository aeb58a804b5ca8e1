package docs_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/eventmaestro/maestro"

// withoutExample are entry points that show nothing by themselves. Keep it a handful.
var withoutExample = map[string]string{
	"store/postgres/inspect":    "see Main",
	"store/postgres/inspect.Of": "see Main",
	"store":                     "an application meets it through memory and postgres, which have examples",
	"store/storetest":           "its two uses have nothing in common: see Run and NewFaults",

	// What adapters are made of.
	"store.MarkOf":        "see the snapshots of memory and postgres",
	"store.CheckSnapshot": "the same",
	"store.Replaces":      "the same",
	"store.Stamp":         "the same",

	"aggregate/aggregatetest.Golden": "writes files: see section 9 of the guide and examples/guide",
}

// withoutOutput are examples that are compiled and not run.
var withoutOutput = map[string]string{
	"migrations.Apply":              "needs a database of its own",
	"migrations.Validate":           "needs a database of its own",
	"store/postgres.Store.Validate": "ends the program where there is no database",
	"store/postgres/inspect.Main":   "ends the program",
	"store/storetest.Run":           "needs a *testing.T",
	"store/storetest.RunTail":       "needs a *testing.T",
}

var packageLine = regexp.MustCompile(`(?m)^package (\S+)$`)

// public returns the packages of the API by their path within the module.
func public(t *testing.T) map[string]*doc.Package {
	t.Helper()
	api := read(t, filepath.Join(root, "docs", "api.txt"))
	packages := map[string]*doc.Package{}
	for _, m := range packageLine.FindAllStringSubmatch(api, -1) {
		dir := strings.TrimPrefix(m[1], module+"/")
		packages[dir] = parse(t, dir)
	}
	require.Greater(t, len(packages), 7)
	return packages
}

// parse reads a package as go doc and pkg.go.dev show it.
func parse(t *testing.T, dir string) *doc.Package {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(fset, files, module+"/"+dir)
	require.NoError(t, err)
	return p
}

// entries returns the examples of what a newcomer starts from: the package, its functions, and the
// methods of a root and a supervisor.
func entries(dir string, p *doc.Package) map[string][]*doc.Example {
	found := map[string][]*doc.Example{dir: p.Examples}
	for _, f := range p.Funcs {
		found[dir+"."+f.Name] = f.Examples
	}
	for _, typ := range p.Types {
		for _, f := range typ.Funcs {
			found[dir+"."+f.Name] = f.Examples
		}
		if dir == "aggregate" && (typ.Name == "Root" || typ.Name == "Supervisor") {
			for _, m := range typ.Methods {
				found[dir+"."+typ.Name+"."+m.Name] = m.Examples
			}
		}
	}
	return found
}

func TestEveryEntryPointHasAnExample(t *testing.T) {
	t.Parallel()
	seen := 0
	for dir, p := range public(t) {
		for name, examples := range entries(dir, p) {
			seen++
			_, excused := withoutExample[name]
			require.NotEqual(t, excused, len(examples) > 0, "%s: write an Example, or say in withoutExample why there is none", name)
		}
	}
	require.Greater(t, seen, 50)
	require.Less(t, len(withoutExample), 10, "a handful")
}

func TestEveryExampleIsRun(t *testing.T) {
	t.Parallel()
	excused := map[string]bool{}
	check := func(name string, examples []*doc.Example) {
		for _, e := range examples {
			excused[name] = withoutOutput[name] != ""
			require.NotEqual(t, excused[name], e.Output != "" || e.EmptyOutput, "%s: give the Example an Output, or say in withoutOutput why not", name)
		}
	}
	for dir, p := range public(t) {
		check(dir, p.Examples)
		for _, f := range p.Funcs {
			check(dir+"."+f.Name, f.Examples)
		}
		for _, typ := range p.Types {
			check(dir+"."+typ.Name, typ.Examples)
			for _, f := range typ.Funcs {
				check(dir+"."+f.Name, f.Examples)
			}
			for _, m := range typ.Methods {
				check(dir+"."+typ.Name+"."+m.Name, m.Examples)
			}
		}
	}
	for name := range withoutOutput {
		require.True(t, excused[name], "%s has no Example", name)
	}
	require.Less(t, len(withoutOutput), 7, "a handful")
}

func TestEveryPackageSaysWhatItIsForAndWhatToReadNext(t *testing.T) {
	t.Parallel()
	for dir, p := range public(t) {
		require.True(t, strings.HasPrefix(p.Doc, "Package "+p.Name+" "), dir)
		first, _, more := strings.Cut(p.Doc, "\n\n")
		require.True(t, more, "%s: a paragraph alone", dir)
		require.Less(t, len(first), 500, "%s: the first paragraph is to be read at a glance", dir)
		require.Contains(t, p.Doc, "Read ", "%s: say what to read next", dir)
	}
}
