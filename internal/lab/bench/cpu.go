package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpu returns how long processors have worked, for this process and for the server. Unlike a rate
// it hardly depends on what else the machine does, and where the disk is quick it is what bounds a
// rate. It is 0 where the server is somebody else's or the system has no /proc.
func (db *database) cpu() time.Duration {
	postmaster := db.postmaster()
	if postmaster == "" {
		return 0
	}
	children, err := os.ReadFile("/proc/" + postmaster + "/task/" + postmaster + "/children")
	if err != nil {
		return 0
	}
	sum, err := onCPU("self")
	if err != nil {
		return 0
	}
	for _, pid := range strings.Fields(string(children)) {
		if used, err := onCPU(pid); err == nil {
			sum += used // else it has just ended
		}
	}
	return sum
}

// postmaster returns the number of the server's main process, or "".
func (db *database) postmaster() string {
	if db.server == nil {
		return db.known
	}
	text, err := os.ReadFile(filepath.Join(db.server.DataDir(), "postmaster.pid"))
	if err != nil {
		return ""
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	return pid
}

// onCPU adds up a process' threads.
func onCPU(pid string) (sum time.Duration, _ error) {
	files, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	if len(files) == 0 {
		return 0, fmt.Errorf("no process %s", pid)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has just ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// metered empties the tables, does the work, checks that the log has what it did, and notes what
// processor time one thing done took.
func (l *lab) metered(ctx context.Context, work func() (tally, error)) (figure, error) {
	if err := l.db.reset(ctx); err != nil {
		return figure{}, err
	}
	before := l.db.cpu()
	t, err := work()
	if err != nil {
		return figure{}, err
	}
	if after := l.db.cpu(); t.total > 0 && after > before {
		t.cpu = (after - before) / time.Duration(t.total)
	}
	return t.figure, l.db.expect(ctx, t.total)
}
