package hlc_test

import (
	"encoding/hex"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

var (
	_ pgtype.BytesScanner = (*hlc.Timestamp)(nil)
	_ pgtype.BytesValuer  = hlc.Timestamp{}
)

// formats are the two ways in which Postgres puts values on the wire.
var formats = map[string]int16{"text": pgtype.TextFormatCode, "binary": pgtype.BinaryFormatCode}

func TestPgxWritesAndReadsBytea(t *testing.T) {
	t.Parallel()
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := pgtype.NewMap()
			for _, in := range []hlc.Timestamp{{}, some, last48} {
				wire, err := m.Encode(pgtype.ByteaOID, format, in, nil)
				require.NoError(t, err)
				require.Equal(t, onTheWire(format, in), string(wire))

				var out hlc.Timestamp
				require.NoError(t, m.Scan(pgtype.ByteaOID, format, wire, &out))
				require.Equal(t, in, out)

				wire, err = m.Encode(pgtype.ByteaOID, format, &in, nil)
				require.NoError(t, err)
				require.Equal(t, onTheWire(format, in), string(wire))
			}
		})
	}
}

// onTheWire is what Postgres wants of a bytea, written by hand.
func onTheWire(format int16, t hlc.Timestamp) string {
	if format == pgtype.TextFormatCode {
		return `\x` + hex.EncodeToString(t[:])
	}
	return string(t[:])
}

func TestPgxWritesAndReadsByteaArrays(t *testing.T) {
	t.Parallel()
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := pgtype.NewMap()
			for _, in := range [][]hlc.Timestamp{{}, {some}, {last48, {}, some, some}} {
				wire, err := m.Encode(pgtype.ByteaArrayOID, format, in, nil)
				require.NoError(t, err)

				var out []hlc.Timestamp
				require.NoError(t, m.Scan(pgtype.ByteaArrayOID, format, wire, &out))
				require.Equal(t, in, out)

				// The same bytes must mean the same to a reader that knows no Timestamp.
				var raw [][]byte
				require.NoError(t, m.Scan(pgtype.ByteaArrayOID, format, wire, &raw))
				require.Len(t, raw, len(in))
				for i := range in {
					require.Equal(t, in[i][:], raw[i])
				}
			}
		})
	}
}

func TestPgxReadsNullOnlyIntoWhatCanHoldIt(t *testing.T) {
	t.Parallel()
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := pgtype.NewMap()
			ts := some
			require.ErrorIs(t, m.Scan(pgtype.ByteaOID, format, nil, &ts), hlc.ErrFormat)
			require.Equal(t, some, ts)

			pointer := &ts
			require.NoError(t, m.Scan(pgtype.ByteaOID, format, nil, &pointer))
			require.Nil(t, pointer)

			wire, err := m.Encode(pgtype.ByteaOID, format, pointer, nil)
			require.NoError(t, err)
			require.Nil(t, wire)

			in := []*hlc.Timestamp{&some, nil}
			wire, err = m.Encode(pgtype.ByteaArrayOID, format, in, nil)
			require.NoError(t, err)
			var out []*hlc.Timestamp
			require.NoError(t, m.Scan(pgtype.ByteaArrayOID, format, wire, &out))
			require.Equal(t, in, out)
		})
	}
}

func TestPgxRefusesBytesOfAnotherLength(t *testing.T) {
	t.Parallel()
	m := pgtype.NewMap()
	for name, format := range formats {
		for _, length := range []int{0, 15, 17} {
			wire, err := m.Encode(pgtype.ByteaOID, format, make([]byte, length), nil)
			require.NoError(t, err)
			var ts hlc.Timestamp
			require.ErrorIs(t, m.Scan(pgtype.ByteaOID, format, wire, &ts), hlc.ErrFormat, "%s %d", name, length)
		}
	}
}

func TestPgxReadsTextColumnsThroughTheTextForm(t *testing.T) {
	t.Parallel()
	m := pgtype.NewMap()
	for name, format := range formats {
		var ts hlc.Timestamp
		require.NoError(t, m.Scan(pgtype.TextOID, format, []byte(someText), &ts), name)
		require.Equal(t, some, ts)
	}
}
