package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// quoted is a name of the API in backticks: with a package of ours, or with the type that it belongs to.
	quoted = regexp.MustCompile("`[*&]?((?:[a-z]+\\.)?[A-Z][A-Za-z]*(?:\\.[A-Z][A-Za-z]*)*)(?:\\(\\))?`")
	word   = regexp.MustCompile(`[A-Za-z_]+`)
)

// notOurs are names of others that the documents quote without a package.
var notOurs = map[string]bool{
	"S.Items":                    true, // a field of an application's state
	"migrations.SchemaNameError": true, // gone, as CHANGELOG.md says
}

// A name in backticks that looks like one of the API is one: documents outlive the names that they were written with.
func TestEveryNameThatADocumentQuotesExists(t *testing.T) {
	t.Parallel()
	api, err := os.ReadFile(filepath.Join(root, "docs", "api.txt"))
	require.NoError(t, err)
	known := map[string]bool{}
	for _, name := range word.FindAllString(string(api), -1) {
		known[name] = true
	}
	packages := map[string]bool{}
	for dir := range public(t) {
		packages[filepath.Base(dir)] = true
	}
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for i, line := range strings.Split(string(text), "\n") {
			for _, match := range quoted.FindAllStringSubmatch(line, -1) {
				parts := strings.Split(match[1], ".")
				if parts[0] == strings.ToLower(parts[0]) {
					if !packages[parts[0]] {
						continue // another module's
					}
					parts = parts[1:]
				} else if len(parts) == 1 {
					continue // a single word is SQL, or a constant of an application, as often as not
				}
				if notOurs[match[1]] || parts[0] == "Maestro" {
					continue
				}
				for _, part := range parts {
					if !known[part] {
						t.Errorf("%s:%d: %s: the API has no %s", document, i+1, match[0], part)
					}
				}
			}
		}
	}
}
