package hlc

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// MaxMilliseconds is the latest time that a timestamp holds, in milliseconds since
// 1970: 48 bits, in the year 10889.
const MaxMilliseconds = 1<<48 - 1

// Size is the length of a timestamp in bytes.
const Size = 16

// counterBits is the width of the counter inside the first eight bytes.
const counterBits = 16

// Timestamp is a point in hybrid logical time: 48 bits of milliseconds since 1970,
// a 16 bit counter, and the 64 bit id of the node that issued it, big endian.
//
// It is a value: compare it with ==, use it as a map key, copy it freely. The zero
// Timestamp means "no timestamp" ([Timestamp.IsZero]); it sorts before all others.
type Timestamp [Size]byte

// New puts a timestamp together from milliseconds since 1970, a counter and a node
// id. It returns [ErrRange] when ms is negative or more than [MaxMilliseconds].
func New(ms int64, counter uint16, node uint64) (Timestamp, error) {
	if ms < 0 || ms > MaxMilliseconds {
		return Timestamp{}, fmt.Errorf("%w: %d ms is not in 0 to %d", ErrRange, ms, int64(MaxMilliseconds))
	}
	return join(uint64(ms)<<counterBits|uint64(counter), node), nil
}

// FromBytes reads a timestamp from exactly 16 bytes, which it copies. Any 16 bytes
// are a timestamp; another length is [ErrFormat].
func FromBytes(b []byte) (Timestamp, error) {
	if len(b) != Size {
		return Timestamp{}, fmt.Errorf("%w: its length is %d instead of %d bytes", ErrFormat, len(b), Size)
	}
	return Timestamp(b), nil
}

// FromUUID is the timestamp with the same 16 bytes as u.
func FromUUID(u uuid.UUID) Timestamp { return Timestamp(u) }

// UUID is the UUID with the same 16 bytes as t, for a column or a field that wants
// one. It sorts as t does, but does not carry a version that RFC 9562 defines.
func (t Timestamp) UUID() uuid.UUID { return uuid.UUID(t) }

// Milliseconds is the time in milliseconds since 1970, from 0 to [MaxMilliseconds].
func (t Timestamp) Milliseconds() int64 { return int64(t.bits() >> counterBits) }

// Time is the time in UTC, to the millisecond. Of the zero Timestamp it is the
// first instant of 1970, not the zero [time.Time].
func (t Timestamp) Time() time.Time { return time.UnixMilli(t.Milliseconds()).UTC() }

// Counter orders the timestamps that fall in one millisecond.
func (t Timestamp) Counter() uint16 { return uint16(t.bits()) }

// Node is the id of the clock that issued the timestamp.
func (t Timestamp) Node() uint64 { return binary.BigEndian.Uint64(t[8:]) }

// Compare is -1 when t is before u, 0 when they are the same, +1 when t is after u.
// The order is that of the 16 bytes: by time, then counter, then node. Its method
// expression serves [slices.SortFunc].
func (t Timestamp) Compare(u Timestamp) int {
	if c := cmp.Compare(t.bits(), u.bits()); c != 0 {
		return c
	}
	return cmp.Compare(t.Node(), u.Node())
}

// Before reports whether t sorts before u.
func (t Timestamp) Before(u Timestamp) bool { return t.Compare(u) < 0 }

// After reports whether t sorts after u.
func (t Timestamp) After(u Timestamp) bool { return t.Compare(u) > 0 }

// IsZero reports whether t is the zero Timestamp, "no timestamp". The omitzero
// option of encoding/json asks it.
func (t Timestamp) IsZero() bool { return t == Timestamp{} }

// bits is the time and the counter as one integer, the one that a Clock counts in.
func (t Timestamp) bits() uint64 { return binary.BigEndian.Uint64(t[:8]) }

// join is the inverse of bits and Node.
func join(bits, node uint64) Timestamp {
	var t Timestamp
	t.set(bits, node)
	return t
}

func (t *Timestamp) set(bits, node uint64) {
	binary.BigEndian.PutUint64(t[:8], bits)
	binary.BigEndian.PutUint64(t[8:], node)
}
