// Command mutants breaks the code of commit and retry on purpose, one way after the other, and runs
// the tests to see each break caught. docs/lab/mutations.md is what it prints.
//
//	go run ./internal/lab/mutants > docs/lab/mutations.md   all of them, about an hour
//	go run ./internal/lab/mutants -only 7,12            some
//
// It works in a copy of the module. The list has to follow the code: a test sees to it that the
// place of each mutant is found, and that the table has all of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// mutant is one way to break a file.
type mutant struct {
	file, what string
	old, new   string // old stands in the file once
	tests      []suite
}

func main() {
	only := flag.String("only", "", "numbers of the mutants to run, with commas; empty for all")
	root := flag.String("root", ".", "the module's directory")
	flag.Parse()
	unexpected, err := run(*root, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if unexpected > 0 {
		fmt.Fprintf(os.Stderr, "mutants: %d are not what the list of survivors says\n", unexpected)
		os.Exit(1)
	}
}

func run(root, only string) (unexpected int, err error) {
	chosen := func(i int) bool {
		return only == "" || slices.Contains(strings.Split(only, ","), strconv.Itoa(i+1))
	}
	dir, err := os.MkdirTemp("", "maestro-mutants-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := copyModule(root, dir); err != nil {
		return 0, err
	}
	// One server for all: each package's tests would start one.
	server, err := pgserver.Start(context.Background(), nil)
	if err != nil {
		return 0, err
	}
	defer server.Close()
	if err := os.Setenv("MAESTRO_TEST_DATABASE_URL", server.URL("postgres")); err != nil {
		return 0, err
	}
	l := newLab(dir)
	if err := l.soundness(chosen); err != nil {
		return 0, err
	}
	if only == "" {
		fmt.Print(preface)
	}
	fmt.Print(header("caught by"))
	var survived []int
	for i, m := range mutants {
		if !chosen(i) {
			continue
		}
		caught, tryErr := l.try(m)
		switch _, explained := survivors[m.what]; {
		case tryErr != nil:
			err = errors.Join(err, fmt.Errorf("mutants: %d: %w", i+1, tryErr))
			continue
		case caught == "":
			survived = append(survived, i)
			if !explained {
				unexpected++
			}
			continue
		case explained:
			unexpected++
		}
		fmt.Print(row(i, caught))
	}
	if len(survived) > 0 {
		fmt.Print("\nNot caught, and why:\n\n" + header("why"))
	}
	for _, i := range survived {
		why := survivors[mutants[i].what]
		if why == "" {
			why = "**nobody knows**"
		}
		fmt.Print(row(i, why))
	}
	return unexpected, err
}

const preface = `# Mutations

The code of commit, retry and tails, broken on purpose one way at a time, and the test that noticed.
` + "`go run ./internal/lab/mutants`" + ` prints this document; it takes about an hour on two cores, and
` + "`-only 7,12`" + ` runs some. The quick tests run first, and nothing runs after the first failure, so a
row names one test of perhaps many. All of them pass on the sound code.

`

func header(last string) string {
	return "| # | file | what is broken | " + last + " |\n| --- | --- | --- | --- |\n"
}

func row(i int, last string) string {
	return fmt.Sprintf("| %d | %s | %s | %s |\n", i+1, mutants[i].file, mutants[i].what, last)
}

// copyModule copies what go test needs, without the nested modules.
func copyModule(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || nested == nil) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o644)
	})
}
