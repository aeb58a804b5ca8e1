package hlc_test

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/hlc"
)

const (
	someText = "2026-11-21T19:43:29.036Z-0001-000000000547B5A1"
	noText   = "1970-01-01T00:00:00.000Z-0000-0000000000000000"
)

var some = stamp(noon, 1, 0x547B5A1)

func TestEveryCodecReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ts := timestamps().Draw(t, "ts")

		text, err := ts.MarshalText()
		require.NoError(t, err)
		require.Equal(t, ts.String(), string(text))
		appended, err := ts.AppendText([]byte("at "))
		require.NoError(t, err)
		require.Equal(t, "at "+ts.String(), string(appended))
		var fromText hlc.Timestamp
		require.NoError(t, fromText.UnmarshalText(text))
		require.Equal(t, ts, fromText)

		binary, err := ts.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, ts[:], binary)
		appended, err = ts.AppendBinary([]byte{9})
		require.NoError(t, err)
		require.Equal(t, append([]byte{9}, ts[:]...), appended)
		var fromBinary hlc.Timestamp
		require.NoError(t, fromBinary.UnmarshalBinary(binary))
		require.Equal(t, ts, fromBinary)

		b, err := json.Marshal(ts)
		require.NoError(t, err)
		require.Equal(t, `"`+ts.String()+`"`, string(b))
		var fromJSON hlc.Timestamp
		require.NoError(t, json.Unmarshal(b, &fromJSON))
		require.Equal(t, ts, fromJSON)

		value, err := ts.Value()
		require.NoError(t, err)
		for _, column := range []any{value, text, string(text)} {
			var scanned hlc.Timestamp
			require.NoError(t, scanned.Scan(column))
			require.Equal(t, ts, scanned)
		}

		b, err = ts.BytesValue()
		require.NoError(t, err)
		for _, column := range [][]byte{b, text} {
			var scanned hlc.Timestamp
			require.NoError(t, scanned.ScanBytes(column))
			require.Equal(t, ts, scanned)
		}
	})
}

func TestMarshalledSlicesAreTheCallers(t *testing.T) {
	t.Parallel()
	ts := some
	for name, marshal := range map[string]func() ([]byte, error){
		"MarshalText": ts.MarshalText, "MarshalBinary": ts.MarshalBinary, "BytesValue": ts.BytesValue,
	} {
		b, err := marshal()
		require.NoError(t, err, name)
		clear(b)
		again, err := marshal()
		require.NoError(t, err, name)
		require.NotEqual(t, b, again, name)
	}
	require.Equal(t, some, ts)
}

func TestUnmarshallingKeepsNoReferenceToItsInput(t *testing.T) {
	t.Parallel()
	for name, unmarshal := range map[string]func(*hlc.Timestamp, []byte) error{
		"UnmarshalBinary": (*hlc.Timestamp).UnmarshalBinary,
		"ScanBytes":       (*hlc.Timestamp).ScanBytes,
		"Scan":            func(t *hlc.Timestamp, b []byte) error { return t.Scan(b) },
	} {
		var ts hlc.Timestamp
		b := bytes.Clone(some[:])
		require.NoError(t, unmarshal(&ts, b), name)
		clear(b)
		require.Equal(t, some, ts, name)
	}
}

func TestRefusedInputLeavesTheTimestampAsItWas(t *testing.T) {
	t.Parallel()
	id := uuid.UUID(some)
	for name, unmarshal := range map[string]func(*hlc.Timestamp) error{
		"text":              func(t *hlc.Timestamp) error { return t.UnmarshalText([]byte("2026")) },
		"no text":           func(t *hlc.Timestamp) error { return t.UnmarshalText(nil) },
		"15 bytes":          func(t *hlc.Timestamp) error { return t.UnmarshalBinary(make([]byte, 15)) },
		"no bytes":          func(t *hlc.Timestamp) error { return t.UnmarshalBinary(nil) },
		"scan NULL":         func(t *hlc.Timestamp) error { return t.Scan(nil) },
		"scan NULL bytes":   func(t *hlc.Timestamp) error { return t.Scan([]byte(nil)) },
		"scan no bytes":     func(t *hlc.Timestamp) error { return t.Scan([]byte{}) },
		"scan 17 bytes":     func(t *hlc.Timestamp) error { return t.Scan(make([]byte, 17)) },
		"scan text":         func(t *hlc.Timestamp) error { return t.Scan("2026") },
		"scan 16 letters":   func(t *hlc.Timestamp) error { return t.Scan("0123456789abcdef") },
		"scan UUID text":    func(t *hlc.Timestamp) error { return t.Scan(id.String()) },
		"scan UUID":         func(t *hlc.Timestamp) error { return t.Scan(id) },
		"scan number":       func(t *hlc.Timestamp) error { return t.Scan(int64(noon)) },
		"ScanBytes NULL":    func(t *hlc.Timestamp) error { return t.ScanBytes(nil) },
		"ScanBytes 1 byte":  func(t *hlc.Timestamp) error { return t.ScanBytes([]byte{1}) },
		"ScanBytes no byte": func(t *hlc.Timestamp) error { return t.ScanBytes([]byte{}) },
		"ScanBytes text":    func(t *hlc.Timestamp) error { return t.ScanBytes([]byte(someText + "0")) },
		"JSON text":         func(t *hlc.Timestamp) error { return json.Unmarshal([]byte(`"2026"`), t) },
	} {
		ts := some
		err := unmarshal(&ts)
		require.ErrorIs(t, err, hlc.ErrFormat, name)
		require.Equal(t, strings.Contains(name, "NULL"), strings.Contains(err.Error(), "NULL"), name)
		require.Equal(t, some, ts, name)
	}
}

func TestJSONIsAStringAndNullChangesNothing(t *testing.T) {
	t.Parallel()
	ts := some
	require.NoError(t, json.Unmarshal([]byte(`null`), &ts))
	require.Equal(t, some, ts)
	require.NoError(t, json.Unmarshal([]byte(`"\u0032026-11-21T19:43:29.036Z-0001-000000000547B5A1"`), &ts))
	require.Equal(t, some, ts)

	pointer := &ts
	require.NoError(t, json.Unmarshal([]byte(`null`), &pointer))
	require.Nil(t, pointer)

	for _, other := range []string{`1795290209036`, `true`, `{}`, `[1,161,255,162,155,12,0,1,0,0,0,0,0,0,0,1]`} {
		require.Error(t, json.Unmarshal([]byte(other), &ts), other)
		require.Equal(t, some, ts, other)
	}
}

func TestJSONKnowsKeysAndTheOmittedZero(t *testing.T) {
	t.Parallel()
	type record struct {
		Written hlc.Timestamp         `json:"written"`
		Left    hlc.Timestamp         `json:"left,omitzero"`
		Keys    map[hlc.Timestamp]int `json:"keys"`
	}
	in := record{Keys: map[hlc.Timestamp]int{some: 3}}
	b, err := json.Marshal(in)
	require.NoError(t, err)
	require.JSONEq(t, `{"written":"`+noText+`","keys":{"`+someText+`":3}}`, string(b))
	var out record
	require.NoError(t, json.Unmarshal(b, &out))
	require.Equal(t, in, out)
}

func TestGobCarriesTimestamps(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	require.NoError(t, gob.NewEncoder(&wire).Encode([]hlc.Timestamp{some, {}}))
	var out []hlc.Timestamp
	require.NoError(t, gob.NewDecoder(&wire).Decode(&out))
	require.Equal(t, []hlc.Timestamp{some, {}}, out)
}

func TestNullableColumnsUseSQLNull(t *testing.T) {
	t.Parallel()
	var column sql.Null[hlc.Timestamp]
	require.NoError(t, column.Scan(nil))
	require.False(t, column.Valid)
	value, err := column.Value()
	require.NoError(t, err)
	require.Nil(t, value)

	require.NoError(t, column.Scan(some[:]))
	require.Equal(t, sql.Null[hlc.Timestamp]{V: some, Valid: true}, column)
	value, err = column.Value()
	require.NoError(t, err)
	require.Equal(t, driver.Value(some[:]), value)

	value, err = hlc.Timestamp{}.Value()
	require.NoError(t, err)
	require.Equal(t, driver.Value(make([]byte, 16)), value, "zero is not NULL")
}
