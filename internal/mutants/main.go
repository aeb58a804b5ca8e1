// Command mutants breaks the code of commit and retry on purpose, one way after the other, and runs
// the tests to see each break caught. docs/mutations.md is what it prints.
//
//	go run ./internal/mutants              all of them, about half an hour
//	go run ./internal/mutants -only 7,12   some
//
// It works in a copy of the module. A mutant whose place is not found any more is an error: the list
// has to follow the code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/internal/pgserver"
)

// mutant is one way to break a file.
type mutant struct {
	file, what string
	old, new   string // old stands in the file once
	tests      []string
}

// suites are what is run against a mutant, in this order, until one fails: the quick ones first.
var (
	aggregateSuites = []string{"./internal/sim", "./aggregate"}
	memorySuites    = []string{"./store/memory", "./internal/sim"}
	postgresSuites  = []string{"./store/postgres"}
)

func main() {
	only := flag.String("only", "", "numbers of the mutants to run, with commas; empty for all")
	root := flag.String("root", ".", "the module's directory")
	flag.Parse()
	survived, err := run(*root, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if survived > 0 {
		fmt.Printf("\n%d survived\n", survived)
		os.Exit(1)
	}
}

func run(root, only string) (survived int, err error) {
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
	if err := soundness(dir, chosen); err != nil {
		return 0, err
	}
	var broken error
	fmt.Println("| # | file | what is broken | caught by |\n| --- | --- | --- | --- |")
	for i, m := range mutants {
		if !chosen(i) {
			continue
		}
		caught, err := m.try(dir)
		if err != nil {
			broken = errors.Join(broken, fmt.Errorf("mutants: %d: %w", i+1, err))
			continue
		}
		if caught == "" {
			survived++
			caught = "**nothing**"
		}
		fmt.Printf("| %d | %s | %s | %s |\n", i+1, m.file, m.what, caught)
	}
	return survived, broken
}

// soundness runs the suites on the code as it is: one that fails there catches nothing.
func soundness(dir string, chosen func(i int) bool) error {
	passed := map[string]bool{}
	for i, m := range mutants {
		for _, suite := range m.tests {
			if !chosen(i) || passed[suite] {
				continue
			}
			caught, err := test(dir, suite)
			if err != nil {
				return err
			}
			if caught != "" {
				return fmt.Errorf("mutants: the sound code fails: %s", caught)
			}
			passed[suite] = true
		}
	}
	return nil
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

// try applies the mutant, runs its tests and takes it back. It returns what caught it.
func (m mutant) try(dir string) (caught string, err error) {
	path := filepath.Join(dir, m.file)
	sound, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(sound), m.old); n != 1 {
		return "", fmt.Errorf("%s has %d times, not once: %s", m.file, n, m.old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(sound), m.old, m.new, 1)), 0o644); err != nil {
		return "", err
	}
	for _, suite := range m.tests {
		if caught, err = test(dir, suite); caught != "" || err != nil {
			break
		}
	}
	if writeErr := os.WriteFile(path, sound, 0o644); err == nil {
		err = writeErr
	}
	return caught, err
}

// bound is how long a suite may take. A mutant that hangs is caught: a test has its bound as well.
const bound = 4 * time.Minute

var (
	failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	runningOne = regexp.MustCompile(`(?s)running tests:\s+(\S+)`)
	brokenLaw  = regexp.MustCompile(`law \d+`)
	inTest     = regexp.MustCompile(`\.(Test\w+)`)
)

func test(dir, suite string) (caught string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-failfast", "-count=1", "-timeout", bound.String(), suite)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	text := string(out)
	switch failed := failedTest.FindAllStringSubmatch(text, -1); {
	case err == nil:
		return "", nil
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
		return "", fmt.Errorf("does not build:\n%s", text)
	case strings.HasPrefix(failed0(failed), "TestSeeds"):
		if law := brokenLaw.FindString(text); law != "" {
			return fmt.Sprintf("`TestSeeds` in %s: %s", suite, law), nil
		}
		fallthrough
	case len(failed) > 0: // of nested ones, the innermost says most
		return fmt.Sprintf("`%s` in %s", deepest(failed), suite), nil
	case strings.Contains(text, "test timed out"):
		name := "a test"
		if found := runningOne.FindStringSubmatch(text); found != nil {
			name = "`" + found[1] + "`"
		}
		return fmt.Sprintf("%s in %s, which hangs", name, suite), nil
	case strings.Contains(text, "panic:"), strings.Contains(text, "fatal error:"):
		name := "a test"
		if found := inTest.FindStringSubmatch(text); found != nil {
			name = "`" + found[1] + "`"
		}
		return fmt.Sprintf("%s in %s, which panics", name, suite), nil
	case strings.Contains(text, "goleak"), strings.Contains(text, "FAIL"):
		return "the look for goroutines that are left in " + suite, nil
	}
	return "", fmt.Errorf("%s: %w\n%s", suite, err, text)
}

func failed0(failed [][]string) string {
	if len(failed) == 0 {
		return ""
	}
	return failed[0][1]
}

func deepest(failed [][]string) string {
	name := failed[0][1]
	for _, f := range failed {
		if strings.HasPrefix(f[1], name+"/") {
			name = f[1]
		}
	}
	return name
}
