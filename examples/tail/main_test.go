package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// TestMain is the consumers' beginning too: they are the same program.
func TestMain(m *testing.M) {
	if os.Getenv("CONSUME") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestOfTwoConsumersOneIsKilledAndNothingIsMissing(t *testing.T) {
	t.Parallel()
	pgtest.Program(t, "initdb")
	var out strings.Builder
	require.NoError(t, parent(t.Context(), &out))
	require.Equal(t, "one of the two is killed\n200 orders: 190 mails sent, 10 put aside, nothing missing\n", out.String())
}
