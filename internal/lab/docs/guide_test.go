package docs_test

import (
	"go/doc"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func guide(t *testing.T) string {
	t.Helper()
	return read(t, filepath.Join(root, "docs", "guide.md"))
}

// shown matches the link to a file of examples/guide, or a block of code.
var shown = regexp.MustCompile("(?ms)" + `\]\(\.\./examples/guide/([a-z_]+\.(?:go|sql))\)` + "|^```(?:go|sql)\n(.*?)^```$")

// A reader who makes each file as the guide shows it has the program that the tests run.
func TestTheGuideShowsItsFilesWhole(t *testing.T) {
	t.Parallel()
	files, last := map[string][]string{}, ""
	for _, m := range shown.FindAllStringSubmatch(guide(t), -1) {
		if m[1] != "" {
			last = m[1]
			continue
		}
		require.NotEmpty(t, last, "a block before the name of its file:\n%s", m[2])
		files[last] = append(files[last], m[2])
	}
	dir := filepath.Join(root, "examples", "guide")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		if name == "guide_test.go" || entry.IsDir() {
			continue // tests of the program on Postgres, by our own means; what Golden writes
		}
		require.Equal(t, read(t, filepath.Join(dir, name)), strings.Join(files[name], "\n"), name)
		delete(files, name)
	}
	require.Empty(t, files)
}

var quotedError = regexp.MustCompile("`\\*?([a-z]+)\\.((?:Err[A-Z]|[A-Z][A-Za-z]*Error\\b)[A-Za-z]*)`")

// errorsOf returns the names of a package's exported errors.
func errorsOf(p *doc.Package) (names []string) {
	values := p.Vars
	for _, typ := range p.Types {
		if strings.HasSuffix(typ.Name, "Error") {
			names = append(names, p.Name+"."+typ.Name)
		}
		values = append(values, typ.Vars...)
	}
	for _, v := range values {
		for _, name := range v.Names {
			if strings.HasPrefix(name, "Err") {
				names = append(names, p.Name+"."+name)
			}
		}
	}
	return names
}

func TestTheGuideListsEveryError(t *testing.T) {
	t.Parallel()
	_, section, found := strings.Cut(guide(t), "\n## 11. Errors\n")
	require.True(t, found)
	listed := map[string]bool{}
	for _, m := range quotedError.FindAllStringSubmatch(section, -1) {
		listed[m[1]+"."+m[2]] = true
	}
	var there []string
	packages := public(t)
	for _, dir := range []string{"aggregate", "store", "store/postgres", "store/memory", "hlc", "migrations", "types"} {
		require.Contains(t, packages, dir)
		there = append(there, errorsOf(packages[dir])...)
	}
	require.Greater(t, len(there), 40)
	require.ElementsMatch(t, there, slices.Collect(maps.Keys(listed)), "errors there are (A), and errors that the guide lists (B)")

	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			require.Equal(t, 5, strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"), "error, meaning, stored?, remedy: %s", line)
		}
	}
}

var release = regexp.MustCompile(`(?m)^go (1\.\d+)`)

func TestTheREADMENamesTheReleasesOfGo(t *testing.T) {
	t.Parallel()
	oldest := release.FindStringSubmatch(read(t, filepath.Join(root, "go.mod")))
	require.NotNil(t, oldest)
	for _, path := range []string{"README.md", "docs/guide.md"} {
		require.Contains(t, read(t, filepath.Join(root, path)), "Go "+oldest[1]+" ", "%s: the oldest release that go.mod allows", path)
	}
}
