package web_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/examples/graph/editor"
)

// The README's tables are those of the program: no route, code or command is missing, and none is
// too many.
func TestTheReadmeKnowsTheAPI(t *testing.T) {
	t.Parallel()
	readme := text(t, "../README.md")
	_, api, _ := strings.Cut(readme, "\n## The API\n")
	api, _, _ = strings.Cut(api, "\n## ")
	listed := regexp.MustCompile("(?m)^\\| `(GET|POST) (/api/[^`?]*)")
	routed := regexp.MustCompile(`"(GET|POST) (/api/[^"]*)"`)
	require.ElementsMatch(t, routed.FindAllStringSubmatch(text(t, "server.go"), -1), quoted(listed.FindAllStringSubmatch(api, -1)))

	codes := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| \d{3} \| (.*?) \|`).FindAllStringSubmatch(api, -1) {
		for _, code := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			codes[code[1]] = true
		}
	}
	said := map[string]bool{}
	for _, code := range regexp.MustCompile(`problem\{http\.Status\w+, "([a-z_]+)"`).FindAllStringSubmatch(text(t, "errors.go"), -1) {
		said[code[1]] = true
	}
	require.Equal(t, said, codes)

	for command := range editor.Definition().Commands {
		if command != "create_graph" { // POST /api/graphs
			require.Regexp(t, "(?m)^\\|.*`"+command+"`.*\\| `\\{", api)
		}
	}
}

// quoted writes what is listed in the README as server.go has it.
func quoted(listed [][]string) [][]string {
	for _, l := range listed {
		l[0] = `"` + l[1] + " " + l[2] + `"`
	}
	return listed
}

func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}
