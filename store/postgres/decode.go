package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// decoder turns rows into entries. It does without the driver's scanning, which allocates for every
// value, and replaying is nothing but this. It takes both wire formats, because the way the pool
// sends queries decides which one comes.
type decoder struct {
	id       hlc.Timestamp
	metadata bool
	log      *slog.Logger

	last     types.Sequence // of the row before
	snapshot bool           // the row before was the snapshot
	slab     []byte         // where the bodies go; what is in use of it belongs to the entries
	names    []string       // types seen so far
	lastMeta string         // and its meaning, as neighbours often share theirs
	meta     types.Metadata
}

const (
	smallSlab = 1 << 10
	largeSlab = 64 << 10

	// manyNames bounds the search for a type among those seen.
	manyNames = 16
)

// entry reads one row; see sql_read.go for its columns.
func (d *decoder) entry(rows pgx.Rows) (store.Entry, error) {
	values, fields := rows.RawValues(), rows.FieldDescriptions()
	sequence, err := intValue(values[1], fields[1].Format)
	if err != nil {
		return store.Entry{}, fault("sequence", err)
	}
	body, err := jsonValue(values[3], fields[3].Format)
	if err != nil {
		return store.Entry{}, fault("body", err)
	}
	if !d.follows(sequence, values[0] == nil) {
		return store.Entry{}, fault("sequence", fmt.Errorf("%d comes after %d", sequence, d.last))
	}
	if values[0] == nil {
		return store.Entry{Snapshot: &types.Snapshot{AggregateID: d.id, Sequence: sequence, Body: d.keep(body)}}, nil
	}
	e := types.Event{AggregateID: d.id, Sequence: sequence, Type: d.name(values[2]), Body: d.keep(body)}
	if e.Timestamp, err = timestampValue(values[0], fields[0].Format); err != nil {
		return store.Entry{}, fault("timestamp", err)
	}
	if d.metadata && values[4] != nil {
		if e.Metadata, err = d.metadataOf(values[4], fields[4].Format); err != nil {
			return store.Entry{}, fault("metadata", err)
		}
	}
	return store.Entry{Event: e}, nil
}

// follows checks the order of the rows: the snapshot, its anchor or a later event, then each event
// after the one before.
func (d *decoder) follows(sequence types.Sequence, snapshot bool) bool {
	ok := sequence > d.last && (!snapshot || d.last == 0) || sequence == d.last && d.snapshot && !snapshot
	d.last, d.snapshot = sequence, snapshot
	return ok
}

// decodeError is about a value that the database has and the store can't read.
type decodeError struct {
	column string
	err    error
}

func (e *decodeError) Error() string { return "decode " + e.column + ": " + e.err.Error() }
func (e *decodeError) Unwrap() error { return e.err }

func fault(column string, err error) error { return &decodeError{column, err} }

// keep copies a body into the slab. Each slab is twice as large as the one before, so that few
// small events don't hold on to much memory.
func (d *decoder) keep(body []byte) json.RawMessage {
	if len(body) > cap(d.slab)-len(d.slab) {
		if len(body) > largeSlab/4 {
			return append(make([]byte, 0, len(body)), body...)
		}
		d.slab = make([]byte, 0, max(len(body), smallSlab, min(2*cap(d.slab), largeSlab)))
	}
	start := len(d.slab)
	d.slab = append(d.slab, body...)
	return d.slab[start:len(d.slab):len(d.slab)]
}

// name returns a type string, the same one for the same type where they are few.
func (d *decoder) name(raw []byte) string {
	for _, name := range d.names {
		if name == string(raw) {
			return name
		}
	}
	name := string(raw)
	if len(d.names) < manyNames {
		d.names = append(d.names, name)
	}
	return name
}

// metadataOf decodes a metadata column. What somebody else put there is not worth losing an
// aggregate for: it is passed over with a warning.
func (d *decoder) metadataOf(raw []byte, format int16) (types.Metadata, error) {
	text, err := jsonValue(raw, format)
	if err != nil || string(text) == d.lastMeta {
		return d.meta, err
	}
	var m types.Metadata
	if err := json.Unmarshal(text, &m); err != nil {
		d.log.Warn("maestro: metadata of an event is of another shape, passed over", "aggregate_id", d.id, "error", err)
		m = types.Metadata{}
	}
	d.lastMeta, d.meta = string(text), m
	return m, nil
}

func timestampValue(raw []byte, format int16) (hlc.Timestamp, error) {
	if format == pgx.TextFormatCode {
		var t hlc.Timestamp
		if len(raw) != 2+2*hlc.Size || string(raw[:2]) != `\x` {
			return t, fmt.Errorf("%q is not %d bytes in hexadecimal: set bytea_output to hex", raw, hlc.Size)
		}
		_, err := hex.Decode(t[:], raw[2:])
		return t, err
	}
	return hlc.FromBytes(raw)
}

func intValue(raw []byte, format int16) (types.Sequence, error) {
	if format == pgx.TextFormatCode {
		n, err := strconv.ParseInt(string(raw), 10, 32)
		return types.Sequence(n), err
	}
	if len(raw) != 4 {
		return 0, fmt.Errorf("%d bytes instead of 4", len(raw))
	}
	return types.Sequence(int32(binary.BigEndian.Uint32(raw))), nil
}

// jsonValue strips the version from a jsonb in binary form.
func jsonValue(raw []byte, format int16) ([]byte, error) {
	if format == pgx.TextFormatCode {
		return raw, nil
	}
	if len(raw) == 0 || raw[0] != 1 {
		return nil, fmt.Errorf("jsonb of an unknown version")
	}
	return raw[1:], nil
}
