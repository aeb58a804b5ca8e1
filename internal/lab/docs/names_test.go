package docs_test

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	// quoted is a name in backticks: with a package of ours, with the type that it belongs to, or
	// of several words.
	quoted = regexp.MustCompile("`[*&]?((?:[a-z]+\\.)?[A-Z][A-Za-z]*(?:\\.[A-Z][A-Za-z]*)*)(?:\\[S\\])?(?:\\([a-z, ]*\\))?`")
	words  = regexp.MustCompile(`^[A-Z][a-z0-9]+[A-Z]`) // SQL is upper-case, and a single word is somebody else's as often as not
	word   = regexp.MustCompile(`[A-Za-z_]+`)

	quotedTest = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)")
	function   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9]+)\(`)
	quotedPath = regexp.MustCompile("`((?:\\.ci|aggregate|docs|examples|hlc|internal|migrations|store|types)/[a-zA-Z0-9_/.*-]+)`")
)

// receivers are what the documents call a value of ours.
var receivers = map[string]bool{"root": true, "sup": true, "tail": true}

// notOurs are names that are not in the code.
var notOurs = map[string]bool{
	"S.Items":                    true, // a field of an application's state
	"migrations.SchemaNameError": true, // gone, as CHANGELOG.md says
	"InvalidCommandError":        true, // the same
	"InvalidHandlerError":        true, // the same
}

// otherNames are documents that quote names of other libraries without their packages.
var otherNames = map[string]bool{"from-other-libraries.md": true}

// A name in backticks that looks like one of the API is one: documents outlive the names that they
// were written with.
func TestEveryNameThatADocumentQuotesExists(t *testing.T) {
	t.Parallel()
	api := read(t, filepath.Join(root, "docs", "api.txt"))
	exported, known := map[string]bool{}, map[string]bool{}
	for _, name := range word.FindAllString(api, -1) {
		exported[name] = true
	}
	packages := map[string]map[string]bool{} // what the API says of each, by its name
	for _, part := range strings.Split(api, "\npackage ") {
		path, rest, _ := strings.Cut(part, "\n")
		names := map[string]bool{}
		for _, name := range word.FindAllString(rest, -1) {
			names[name] = true
		}
		packages[filepath.Base(path)] = names
	}
	for _, text := range sources(t) {
		for _, name := range word.FindAllString(text, -1) {
			known[name] = true
		}
	}
	seen := 0
	each(t, quoted, func(document, where, name string) {
		parts := strings.Split(name, ".")
		names := exported
		switch {
		case notOurs[name] || parts[0] == "Maestro" || strings.HasPrefix(name, "Test"):
			return
		case packages[parts[0]] != nil:
			if document != "CHANGELOG.md" { // which names what is gone
				names = packages[parts[0]]
			}
			parts = parts[1:]
		case receivers[parts[0]]:
			parts = parts[1:]
		case parts[0] == strings.ToLower(parts[0]):
			return // another module's
		case len(parts) == 1:
			if !words.MatchString(name) || otherNames[document] {
				return
			}
			names = known
		}
		for _, part := range parts {
			seen++
			assert.True(t, names[part], "%s: `%s`: there is no %s", where, name, part)
		}
	})
	require.Greater(t, seen, 500)
}

func TestEveryTestThatADocumentQuotesExists(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, text := range sources(t) {
		for _, m := range function.FindAllStringSubmatch(text, -1) {
			there[m[1]] = true
		}
	}
	seen := each(t, quotedTest, func(_, where, name string) { assert.True(t, there[name], "%s: there is no %s", where, name) })
	require.Greater(t, seen, 150)
}

func TestEveryFileThatADocumentQuotesExists(t *testing.T) {
	t.Parallel()
	seen := each(t, quotedPath, func(_, where, path string) {
		found, err := filepath.Glob(filepath.Join(root, path))
		require.NoError(t, err)
		assert.NotEmpty(t, found, "%s: there is no %s", where, path)
	})
	require.Greater(t, seen, 30)
}

// each calls f for what an expression finds in the documents: with the name of the document, the
// place, and the expression's group. It returns how often.
func each(t *testing.T, what *regexp.Regexp, f func(document, where, name string)) (seen int) {
	t.Helper()
	for _, d := range documents(t) {
		prose := block.ReplaceAllStringFunc(d.text, func(code string) string { return strings.Repeat("\n", strings.Count(code, "\n")) })
		for i, line := range strings.Split(prose, "\n") {
			for _, m := range what.FindAllStringSubmatch(line, -1) {
				seen++
				f(filepath.Base(d.path), d.path+":"+strconv.Itoa(i+1), m[1])
			}
		}
	}
	return seen
}
