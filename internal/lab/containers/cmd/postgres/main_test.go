package main

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestTheContainerLivesFromTheURLToTheEndOfInput(t *testing.T) {
	t.Parallel()
	pgtest.Docker(t)
	stdin, endInput := io.Pipe()
	output, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(stdin, stdout)
		stdout.CloseWithError(err) // ends the read below if no URL comes
		ended <- err
	}()

	url, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(url))
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	require.NoError(t, endInput.Close())
	require.NoError(t, <-ended)
	_, err = pgx.Connect(t.Context(), strings.TrimSpace(url))
	require.Error(t, err)
}

func TestAStartThatNobodyWaitsForIsGivenUp(t *testing.T) {
	t.Parallel()
	pgtest.Docker(t)
	require.Error(t, run(strings.NewReader(""), io.Discard))
}
