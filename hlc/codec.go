package hlc

import (
	"database/sql"
	"database/sql/driver"
	"encoding"
	"fmt"
)

var (
	_ encoding.TextMarshaler     = Timestamp{}
	_ encoding.TextAppender      = Timestamp{}
	_ encoding.TextUnmarshaler   = (*Timestamp)(nil)
	_ encoding.BinaryMarshaler   = Timestamp{}
	_ encoding.BinaryAppender    = Timestamp{}
	_ encoding.BinaryUnmarshaler = (*Timestamp)(nil)
	_ sql.Scanner                = (*Timestamp)(nil)
	_ driver.Valuer              = Timestamp{}
)

// MarshalText is the text form of t. encoding/json uses it too, for values and for
// the keys of maps: a timestamp is a JSON string. The zero Timestamp is written out
// like any other; leave it away with the omitzero option. The error is always nil.
func (t Timestamp) MarshalText() ([]byte, error) {
	return t.appendText(make([]byte, 0, len(longShape))), nil
}

// AppendText appends the text form of t to b. The error is always nil.
func (t Timestamp) AppendText(b []byte) ([]byte, error) { return t.appendText(b), nil }

// UnmarshalText sets t to the timestamp whose text is b, on the terms of [Parse].
// encoding/json uses it too; a JSON null leaves t as it is, as that package's
// convention wants. On an error t is unchanged. It keeps no reference to b.
func (t *Timestamp) UnmarshalText(b []byte) error {
	u, err := parse(b)
	if err != nil {
		return err
	}
	*t = u
	return nil
}

// MarshalBinary is the 16 bytes of t, in a new slice. The error is always nil.
func (t Timestamp) MarshalBinary() ([]byte, error) { return t[:], nil }

// AppendBinary appends the 16 bytes of t to b. The error is always nil.
func (t Timestamp) AppendBinary(b []byte) ([]byte, error) { return append(b, t[:]...), nil }

// UnmarshalBinary sets t to the 16 bytes of b, which it copies, on the terms of
// [FromBytes]. On an error t is unchanged.
func (t *Timestamp) UnmarshalBinary(b []byte) error {
	u, err := FromBytes(b)
	if err != nil {
		return err
	}
	*t = u
	return nil
}

// Scan implements [sql.Scanner]. It takes 16 bytes as they are, and the text form
// as a string or as bytes, which are never 16. NULL is [ErrFormat]: a nullable
// column wants a [sql.Null] of Timestamp. So is any other type, and the text of a
// UUID: a uuid column wants a [uuid.UUID] and [FromUUID]. On an error t is
// unchanged. It keeps no reference to src.
func (t *Timestamp) Scan(src any) error {
	switch src := src.(type) {
	case []byte:
		return t.ScanBytes(src)
	case string:
		u, err := parse(src)
		if err != nil {
			return err
		}
		*t = u
		return nil
	case nil:
		return errNull()
	default:
		return fmt.Errorf("%w: the column gives %T: want 16 bytes or text", ErrFormat, src)
	}
}

// Value implements [driver.Valuer]: the 16 bytes of t, in a new slice. The zero
// Timestamp is 16 zero bytes, not NULL. The error is always nil.
func (t Timestamp) Value() (driver.Value, error) { return t[:], nil }

// ScanBytes is Scan for bytes: 16 as they are, or the text form. nil stands for NULL
// and is [ErrFormat]. It makes *Timestamp a BytesScanner of pgx, which then reads
// bytea with it in either wire format, and text columns too. On an error t is
// unchanged. It keeps no reference to b.
func (t *Timestamp) ScanBytes(b []byte) error {
	switch {
	case b == nil:
		return errNull()
	case len(b) == Size:
		return t.UnmarshalBinary(b)
	default:
		return t.UnmarshalText(b)
	}
}

// BytesValue is the 16 bytes of t, in a new slice; never nil, so never NULL. It makes
// Timestamp a BytesValuer of pgx. The error is always nil.
func (t Timestamp) BytesValue() ([]byte, error) { return t[:], nil }

func errNull() error {
	return fmt.Errorf("%w: NULL: scan into a pointer or a sql.Null", ErrFormat)
}
