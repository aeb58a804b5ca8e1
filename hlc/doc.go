// Package hlc is a hybrid logical clock. Its timestamps are close to the time of day, rise
// strictly, and respect causality between processes whose clocks disagree.
//
// An application needs little of it: a [Timestamp] is an aggregate's id, and String and [Parse] are
// its text form. Read on for what the text means, or see [Clock] to issue timestamps of your own.
//
// The algorithm is the one of S. Kulkarni, M. Demirbas, D. Madappa, B. Avva and M. Leone, "Logical
// Physical Clocks and Consistent Snapshots in Globally Distributed Databases" (2014).
//
// # Timestamps
//
// A [Timestamp] is 16 bytes: 48 bits of milliseconds since 1970, 16 bits of counter and 64 bits of
// node id, all big endian. So the order of the bytes is the order of the timestamps, in Go, in a
// bytea column and in a uuid column. Two timestamps are never equal unless two clocks share a node
// id.
//
// The text form is
//
//	2026-11-21T19:43:29.036Z-0001-000000000547B5A1
//
// with the time, the counter and the node. Counter and node are upper-case hexadecimal digits of
// full width. The 48 bits end in the year 10889. A year past 9999 is written with five digits after
// a Y, as in ISO 8601-2:
//
//	Y10889-08-02T05:31:50.655Z-FFFF-FFFFFFFFFFFFFFFF
//
// Y sorts after every digit, so the order of the texts is the order of the timestamps over the
// whole range. A timestamp has exactly one text, and [Parse] accepts no other.
//
// # Clocks
//
// The first eight bytes of a timestamp are one integer, so a [Clock] is one atomic integer without
// a lock or a goroutine. A process makes one clock and uses it everywhere:
//
//   - [Clock.Now] issues a timestamp after all that the clock issued or received.
//   - [Clock.Recv] takes a timestamp from elsewhere and issues one after it.
//   - [Clock.Observe] takes note of such a timestamp and issues nothing.
//   - [Clock.NowAfter] stamps what must follow a given timestamp, and never fails.
//
// A counter that overflows carries into the next millisecond. A timestamp that would pull the clock
// further ahead of the time of day than [Options.MaxDrift] is refused with [ErrDrift], so one bad
// clock does not infect the others.
package hlc
