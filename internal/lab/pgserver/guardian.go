package pgserver

import (
	"fmt"
	"io"
	"os/exec"
)

// script waits until its standard input ends, which is when this process ends in
// whichever way, kill -9 included. Then it stops the server that was named last
// and removes the folder. It is a process of its own because nothing inside a
// killed process can clean up, and because the alternative, Linux's parent death
// signal, exists on Linux only, fires when the starting thread ends, and leaves
// the folder behind.
const script = `
trap '' INT TERM HUP QUIT
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
	kill -QUIT "$pid" 2>/dev/null
	n=0
	while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
	kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$1"
`

// guardian outlives this process to stop its server and remove its folder.
type guardian struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// guard starts a guardian of dir. Where there is no shell there is none: the
// result is nil, and only Close cleans up.
func guard(dir string) (*guardian, error) {
	shell, err := exec.LookPath("/bin/sh")
	if err != nil {
		return nil, nil
	}
	cmd := exec.Command(shell, "-c", script, "guardian", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = ownGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pgserver: guardian: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("pgserver: guardian: %w", err)
	}
	return &guardian{cmd: cmd, stdin: stdin}, nil
}

// watch names the process to stop; 0 means that none runs.
func (g *guardian) watch(pid int) {
	if g == nil {
		return
	}
	line := "\n"
	if pid != 0 {
		line = fmt.Sprintf("%d\n", pid)
	}
	// A guardian that is gone can't be told anything, and needn't stop the server.
	_, _ = io.WriteString(g.stdin, line)
}

// end lets the guardian finish its work, and waits for it.
func (g *guardian) end() error {
	if g == nil {
		return nil
	}
	_ = g.stdin.Close()
	if err := g.cmd.Wait(); err != nil {
		return fmt.Errorf("pgserver: guardian: %w", err)
	}
	return nil
}
