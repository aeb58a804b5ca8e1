package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// encode writes a figure for the program that compares two versions.
func (f figure) encode() string {
	text, _ := json.Marshal(encoded{f.value, f.p50, f.p99, f.cpu}) // numbers only
	return "ours " + string(text)
}

type encoded struct {
	Value         float64
	P50, P99, CPU time.Duration
}

// versions is what a case came to in two versions, round by round.
type versions struct{ old, new []figure }

// beside measures the chosen cases with another version of the library and with this one, in turns
// on one server. Each measurement is a process of its own, so that nothing of one is left in the
// memory of the other. The other program is made of this directory's files and the other version's
// library:
//
//	git worktree add /tmp/old COMMIT
//	rm -r /tmp/old/internal/lab/bench /tmp/old/internal/lab/pgserver
//	cp -r internal/lab/bench internal/lab/pgserver /tmp/old/internal/lab
//	cd /tmp/old && go build -o /tmp/bench.old ./internal/lab/bench
func beside(ctx context.Context, o options, chosen []benchmark, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	db, facts, err := openDatabase(ctx, o)
	if err != nil {
		return err
	}
	for _, f := range append(machine(), facts...) {
		fmt.Fprintf(out, "# %s: %s\n", f.key, f.value)
	}
	var errs []error
	for _, c := range chosen {
		var v versions
		for round := range o.rounds {
			// Who comes second finds the machine as the first left it: so they take turns at that
			// too.
			for i := range 2 {
				program, list := o.old, &v.old
				if (round+i)%2 == 1 {
					program, list = self, &v.new
				}
				f, err := alone(ctx, program, c, o, db)
				if err != nil {
					errs = append(errs, fmt.Errorf("case %s: %s: %w", c.name, program, err))
					break
				}
				*list = append(*list, f)
			}
			if len(errs) > 0 {
				break
			}
		}
		if len(v.old) > 0 && len(v.old) == len(v.new) {
			fmt.Fprintln(out, v.line(c))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(append(errs, db.close())...)
}

// alone lets a program measure its own side of a case once.
func alone(ctx context.Context, program string, c benchmark, o options, db *database) (figure, error) {
	cmd := exec.CommandContext(ctx, program, "-ours", "-case", c.name, "-rounds", "1", "-time", o.time.String(),
		"-database", db.url, "-postmaster", db.postmaster())
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return figure{}, fmt.Errorf("%w: %s", err, text)
	}
	for line := range strings.Lines(string(text)) {
		if data, ok := strings.CutPrefix(line, "ours "); ok {
			var e encoded
			err := json.Unmarshal([]byte(data), &e)
			return figure{e.Value, e.P50, e.P99, e.CPU}, err
		}
	}
	return figure{}, fmt.Errorf("no figure in %q", text)
}

// line says how the new version does beside the old one: above 1 the new one is better. The median
// of the rounds' ratios is what counts, since what disturbs a round disturbs both of its sides.
func (v versions) line(c benchmark) string {
	rates := v.ratios(func(old, new figure) float64 { return c.unit.ratio(new.value, old.value) })
	line := fmt.Sprintf("case=%s old=%s new=%s ratio=%.3f rounds=%.2f-%.2f", c.name,
		c.unit.format(medians(v.old).value), c.unit.format(medians(v.new).value), median(rates), slices.Min(rates), slices.Max(rates))
	if old, new := medians(v.old), medians(v.new); old.cpu > 0 && new.cpu > 0 {
		cpu := v.ratios(func(old, new figure) float64 { return float64(old.cpu) / float64(max(new.cpu, 1)) })
		line += fmt.Sprintf(" old_cpu=%s new_cpu=%s cpu_ratio=%.3f", short(old.cpu), short(new.cpu), median(cpu))
	}
	if old, new := medians(v.old), medians(v.new); old.p99 > 0 && new.p99 > 0 {
		line += fmt.Sprintf(" old_p50=%s new_p50=%s old_p99=%s new_p99=%s", short(old.p50), short(new.p50), short(old.p99), short(new.p99))
	}
	return line
}

func (v versions) ratios(of func(old, new figure) float64) []float64 {
	list := make([]float64, len(v.old))
	for i := range list {
		list[i] = of(v.old[i], v.new[i])
	}
	return list
}
