package main

import (
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePlaceOfEachMutantIsFoundOnce(t *testing.T) {
	t.Parallel()
	whats := map[string]bool{}
	for i, m := range mutants {
		require.NotEmpty(t, m.tests)
		sound, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(m.file)))
		require.NoError(t, err)
		broken, err := m.apply(string(sound))
		require.NoError(t, err, "%d, %q: let the mutant follow the code", i+1, m.what)
		require.NotEqual(t, string(sound), broken, "%d, %q, changes nothing", i+1, m.what)
		_, err = format.Source([]byte(broken))
		require.NoError(t, err, "%d, %q", i+1, m.what)
		require.False(t, whats[m.what], "two mutants are called %q", m.what)
		whats[m.what] = true
	}
	for what := range survivors {
		require.True(t, whats[what], "there is no mutant %q to survive", what)
	}
}

func TestTheTableHasAllMutants(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "lab", "mutations.md"))
	require.NoError(t, err)
	table := strings.ReplaceAll(string(text), "\r\n", "\n")
	require.True(t, strings.HasPrefix(table, preface), "the text before the table")
	var rows, want []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if len(cells) == 4 && strings.Contains(cells[1], ".go") {
			rows = append(rows, strings.Join(cells[:3], " | "))
			what, last := cells[2], strings.TrimSuffix(strings.TrimSpace(cells[3]), " |")
			why, survives := survivors[what]
			require.Equal(t, survives, last == why, "%q: %s", what, last)
		}
	}
	for i, m := range mutants {
		want = append(want, fmt.Sprintf("| %d | %s | %s", i+1, m.file, m.what))
	}
	slices.Sort(rows)
	slices.Sort(want)
	require.Equal(t, want, rows, "docs/lab/mutations.md: go run ./internal/lab/mutants for what is new")
}
