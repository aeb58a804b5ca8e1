package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// suite is tests of one package.
type suite struct {
	dir  string
	args string // of the test program
}

// What is run against a mutant, in this order, until one fails: the quick ones first.
var (
	fewSeeds  = suite{"internal/lab/sim", "-test.run=^TestSeeds$ -seeds=40"}
	aggregate = suite{"aggregate", "-rapid.nofailfile"}
	simulator = suite{"internal/lab/sim", ""}
	memory    = suite{"store/memory", "-rapid.nofailfile"}
	combiner  = suite{"store/postgres", "-test.run=^Test(CombinerProperties|CommitsOfOneAggregate|WhatWaits) -rapid.nofailfile"} // what hangs is noticed
	postgres  = suite{"store/postgres", "-test.skip=^TestStoreKeepsTheContract -rapid.nofailfile"}
	contract  = suite{"store/postgres", "-test.run=^TestStoreKeepsTheContract -rapid.nofailfile"}

	aggregateSuites = []suite{fewSeeds, aggregate, simulator}
	memorySuites    = []suite{memory, fewSeeds, aggregate}
	postgresSuites  = []suite{combiner, postgres, contract}
)

// lab is where mutants are tried: a copy of the module.
type lab struct {
	dir   string
	bound map[suite]time.Duration // longer runs of a suite are taken for endless
}

func newLab(dir string) *lab { return &lab{dir: dir, bound: make(map[suite]time.Duration)} }

// soundness runs the suites on the code as it is: one that fails there catches nothing.
func (l *lab) soundness(chosen func(i int) bool) error {
	b := bench{lab: l}
	for i, m := range mutants {
		for _, s := range m.tests {
			if !chosen(i) || l.bound[s] > 0 {
				continue
			}
			l.bound[s] = 10 * time.Minute
			start := time.Now()
			caught, err := b.run(s)
			if caught != "" { // a busy machine gets a second chance
				fmt.Fprintln(os.Stderr, "mutants: the sound code fails, once more:", caught)
				start = time.Now()
				caught, err = b.run(s)
			}
			if err != nil {
				return err
			}
			if caught != "" {
				return fmt.Errorf("mutants: the sound code fails: %s", caught)
			}
			l.bound[s] = min(4*time.Minute, 20*time.Second+8*time.Since(start))
		}
	}
	return nil
}

// try applies the mutant, runs its tests and takes it back. It returns what caught it.
func (l *lab) try(m mutant) (caught string, err error) {
	file := filepath.Join(l.dir, m.file)
	sound, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	broken, err := m.apply(string(sound))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
		return "", err
	}
	b := bench{lab: l}
	for _, s := range m.tests {
		if caught, err = b.run(s); caught != "" || err != nil {
			break
		}
	}
	if writeErr := os.WriteFile(file, sound, 0o644); err == nil {
		err = writeErr
	}
	return caught, err
}

// apply returns the mutant's file.
func (m mutant) apply(sound string) (string, error) {
	if n := strings.Count(sound, m.old); n != 1 {
		return "", fmt.Errorf("%s has %d times, not once: %s", m.file, n, m.old)
	}
	return strings.Replace(sound, m.old, m.new, 1), nil
}

// bench is the lab with the code as it is now, whose test programs are built once.
type bench struct {
	*lab
	built []string // their directories
}

// build makes the test program of a directory, unless it is there.
func (b *bench) build(dir string) (program string, err error) {
	program = filepath.Join(b.dir, path.Base(dir)+".test.exe")
	for _, d := range b.built {
		if d == dir {
			return program, nil
		}
	}
	cmd := exec.CommandContext(context.Background(), "go", "test", "-c", "-vet=off", "-o", program, "./"+dir)
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not build: %w\n%s", err, out)
	}
	b.built = append(b.built, dir)
	return program, nil
}

// run runs a suite and returns what failed.
func (b *bench) run(s suite) (caught string, err error) {
	program, err := b.build(s.dir)
	if err != nil {
		return "", err
	}
	bound := b.bound[s]
	ctx, cancel := context.WithTimeout(context.Background(), bound+time.Minute)
	defer cancel()
	args := append([]string{"-test.failfast", "-test.paniconexit0", "-test.timeout=" + bound.String()}, strings.Fields(s.args)...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join(b.dir, s.dir)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return "", nil
	}
	what := verdict(string(out))
	if what == "" {
		return "", fmt.Errorf("%s: %w\n%s", s.dir, err, out)
	}
	return strings.Replace(what, "%", "./"+s.dir, 1), nil
}

var (
	failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	runningOne = regexp.MustCompile(`(?s)running tests:\s+(\S+)`)
	brokenLaw  = regexp.MustCompile(`law \d+`)
	inTest     = regexp.MustCompile(`\.(Test\w+)`)
)

// verdict reads the output of tests that failed. In what it returns, % stands for the package.
func verdict(text string) string {
	first := func(of *regexp.Regexp) string {
		if found := of.FindStringSubmatch(text); found != nil {
			return "`" + found[1] + "`"
		}
		return "a test"
	}
	failed := failedTest.FindAllStringSubmatch(text, -1)
	law := brokenLaw.FindString(text)
	switch {
	case len(failed) > 0 && failed[0][1] == "TestSeeds" && law != "":
		return "`TestSeeds` in %: " + law
	case len(failed) > 0: // of nested ones, the innermost says most
		return "`" + deepest(failed) + "` in %"
	case strings.Contains(text, "test timed out"):
		return first(runningOne) + " in %, which hangs"
	case strings.Contains(text, "panic:"), strings.Contains(text, "fatal error:"):
		return first(inTest) + " in %, which panics"
	case strings.Contains(text, "goleak"), strings.Contains(text, "FAIL"):
		return "the look for goroutines that are left in %"
	}
	return ""
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
