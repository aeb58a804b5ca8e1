package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var sample = result{
	benchmark{name: "one", what: "1 aggregate", limit: "raw INSERT", target: 0.9, unit: perSecond},
	outcome{
		ours: figure{1900, 480 * time.Microsecond, 12 * time.Millisecond, 95 * time.Microsecond}, limit: figure{2000, 450 * time.Microsecond, 9 * time.Millisecond, 90 * time.Microsecond},
		notes: []note{{"p50ratio", "1.07"}},
	},
}

func TestLineSaysWhatWasMeasuredAndHowItCompares(t *testing.T) {
	t.Parallel()
	require.Equal(t, "case=one ours=1900/s limit=2000/s ratio=0.95 target=0.90 met=yes"+
		" p50=480us p99=12.0ms limit_p50=450us limit_p99=9000us cpu=95us limit_cpu=90us p50ratio=1.07", sample.line())
}

func TestRatioIsAboveOneWhereOursIsBetter(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2.0, perSecond.ratio(20, 10))
	require.Equal(t, 2.0, byteCount.ratio(10, 20))
	require.Equal(t, 2.0, nanoseconds.ratio(10, 20))
}

func TestCaseThatMissesItsTargetSaysSo(t *testing.T) {
	t.Parallel()
	slow := sample
	slow.ours.value = 1700
	require.Contains(t, slow.line(), "ratio=0.85 target=0.90 met=NO")
	require.Contains(t, slow.row(), "| **0.85** | 0.90 |")
}

func TestTableKeepsTheRowsOfOtherCases(t *testing.T) {
	t.Parallel()
	beginMark, endMark := marks("bench")
	old := "before\n" + beginMark + "\n| case | what |\n| --- | --- |\n| `one` | replaced |\n| `cold` | kept |\n" + endMark + "\nafter\n"
	text, err := withTable(old, "bench", []note{{"go", "1"}}, []result{sample}, time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Contains(t, text, "before\n"+beginMark+"\nMeasured 2026-01-02 03:04 UTC.\n\n- go: 1\n")
	require.Contains(t, text, "| `one` | 1 aggregate; limit: raw INSERT | 1900/s | 2000/s | 0.95 | 0.90 | 480us, 12.0ms | 450us, 9000us | 95us, 90us | p50ratio 1.07 |\n| `cold` | kept |\n"+endMark+"\nafter\n")
	require.NotContains(t, text, "replaced")

	again, err := withTable(text, "bench", []note{{"go", "1"}}, []result{sample}, time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, text, again)
}

func TestTableNeedsItsMarks(t *testing.T) {
	t.Parallel()
	beginMark, endMark := marks("bench")
	_, err := withTable("no marks", "bench", nil, nil, time.Now())
	require.ErrorContains(t, err, beginMark)
	_, err = withTable(endMark+beginMark, "bench", nil, nil, time.Now())
	require.ErrorContains(t, err, endMark)
}

func TestTheDocumentsHaveAPlaceForTheirTablesAndExplainEveryCase(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", path))
		require.NoError(t, err)
		return string(text)
	}
	for _, o := range []options{{}, {flush: time.Millisecond}} {
		_, err := withTable(read(o.document()), o.table(), nil, nil, time.Now())
		require.NoError(t, err)
	}
	_, questions, found := strings.Cut(read(labBook), "## The cases\n")
	require.True(t, found)
	questions, _, _ = strings.Cut(questions, "\n## ")
	for _, c := range cases {
		require.Contains(t, questions, "`"+c.name+"`")
	}
}

func TestChooseTakesNamesInOrderAndRefusesOthers(t *testing.T) {
	t.Parallel()
	chosen, err := choose("cold, one")
	require.NoError(t, err)
	require.Equal(t, "cold", chosen[0].name)
	require.Equal(t, "one", chosen[1].name)
	_, err = choose("one,none")
	require.ErrorContains(t, err, `"none"`)
}

func TestItemsOfTheTableHaveTheWidthOfTheDocuments(t *testing.T) {
	item := "- settings: " + strings.Repeat("a=b ", 50) + "end=of_it"
	text := wrapped(item)
	require.Equal(t, strings.Fields(item), strings.Fields(text))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Greater(t, len(lines), 2)
	for i, line := range lines {
		require.LessOrEqual(t, len(line), 100)
		require.Equal(t, i > 0, strings.HasPrefix(line, "  "))
	}
	require.Equal(t, "- go: go1.26\n", wrapped("- go: go1.26"))
}
