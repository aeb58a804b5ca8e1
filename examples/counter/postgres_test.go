package main

import (
	"bytes"
	"testing"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestTheCounterRunsOnPostgresAsInMemory(t *testing.T) {
	adapter, closeStore, err := open(t.Context(), pgtest.Database(t))
	require.NoError(t, err)
	defer closeStore()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), adapter, &out))
	require.Contains(t, out.String(), "value: 42\n")
	require.Contains(t, out.String(), `3 counter_incremented {"By": 39}`)
	require.NoError(t, run(t.Context(), adapter, &out), "a second run finds the tables there")
}
