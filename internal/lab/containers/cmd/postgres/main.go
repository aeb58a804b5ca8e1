// The command postgres starts a throw-away Postgres in a container, prints its
// URL as the one line of its standard output, and removes the container when its
// standard input ends, which is also when the process at the other end is gone.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/eventmaestro/maestro/internal/lab/containers"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run keeps a container from the moment that its URL is written to stdout until
// stdin ends.
func run(stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel() // a start that nobody waits for any more is given up
		_, _ = io.Copy(io.Discard, stdin)
	}()
	url, stop, err := containers.Postgres(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, url); err != nil {
		return fmt.Errorf("print the URL: %w (%w)", err, stop())
	}
	<-ended
	return stop()
}
