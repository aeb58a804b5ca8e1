package main

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// marks are the two lines between which a table stands.
func marks(table string) (begin, end string) {
	return "<!-- " + table + ": begin -->", "<!-- " + table + ": end -->"
}

// writeDocument replaces a table in a file. Rows of cases that were not run this time stay.
func writeDocument(file, name string, facts []note, results []result) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := withTable(string(old), name, facts, results, time.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func withTable(text, name string, facts []note, results []result, now time.Time) (string, error) {
	beginMark, endMark := marks(name)
	before, rest, found := strings.Cut(text, beginMark)
	old, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return "", fmt.Errorf("has no lines %s and %s", beginMark, endMark)
	}
	return before + beginMark + "\n" + table(rowsOf(old), facts, results, now) + endMark + after, nil
}

// rowsOf returns the rows of an old table by the name in their first cell.
func rowsOf(table string) map[string]string {
	rows := map[string]string{}
	for line := range strings.SplitSeq(table, "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			rows[strings.Trim(cells[1], " `")] = line
		}
	}
	return rows
}

func table(rows map[string]string, facts []note, results []result, now time.Time) string {
	for _, r := range results {
		rows[r.name] = r.row()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s.\n\n", now.UTC().Format("2006-01-02 15:04 MST"))
	for _, f := range facts {
		b.WriteString(wrapped("- " + f.key + ": " + f.value))
	}
	b.WriteString("\n| case | what | ours | limit | ratio | to reach | p50, p99 | limit's | CPU, limit's | notes |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, c := range cases {
		if row, there := rows[c.name]; there {
			b.WriteString(row + "\n")
		}
	}
	return b.String()
}

// row is the case's row of the table.
func (r result) row() string {
	pair := func(f figure) string {
		if f.p50 == 0 {
			return ""
		}
		return short(f.p50) + ", " + short(f.p99)
	}
	ratio := fmt.Sprintf("%.2f", r.ratio())
	if r.ratio() < r.target-0.005 {
		ratio = "**" + ratio + "**"
	}
	cpu := ""
	if r.ours.cpu > 0 && r.outcome.limit.cpu > 0 {
		cpu = short(r.ours.cpu) + ", " + short(r.outcome.limit.cpu)
	}
	var notes []string
	for _, n := range r.notes {
		notes = append(notes, n.key+" "+n.value)
	}
	for _, miss := range r.misses {
		notes = append(notes, "**missed: "+miss+"**")
	}
	return fmt.Sprintf("| `%s` | %s; limit: %s | %s | %s | %s | %.2f | %s | %s | %s | %s |",
		r.name, r.what, r.benchmark.limit, r.unit.format(r.ours.value), r.unit.format(r.outcome.limit.value),
		ratio, r.target, pair(r.ours), pair(r.outcome.limit), cpu, strings.Join(notes, ", "))
}

// wrapped is an item of a list in lines of the documents' width.
func wrapped(item string) string {
	const width = 100
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(item) {
		switch n := utf8.RuneCountInString(word); {
		case i == 0:
			at = n
		case at+1+n > width:
			b.WriteString("\n  ")
			at = 2 + n
		default:
			b.WriteByte(' ')
			at += 1 + n
		}
		b.WriteString(word)
	}
	return b.String() + "\n"
}
