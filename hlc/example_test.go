package hlc_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/eventmaestro/maestro/hlc"
)

// fixed is a physical clock that stands still, so that the examples print the same
// every time. A program leaves Options.Now nil.
func fixed() time.Time { return time.Date(2026, 11, 21, 19, 43, 29, 36e6, time.UTC) }

func Example() {
	clock := hlc.NewClock(nil) // one for the whole process

	first, err := clock.Now()
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := clock.Now()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(second.After(first), second.Node() == clock.Node())
	// Output: true true
}

func ExampleNew() {
	t, err := hlc.New(1795290209036, 1, 0x547B5A1)
	fmt.Println(t, err)

	_, err = hlc.New(-1, 0, 0)
	fmt.Println(errors.Is(err, hlc.ErrRange))
	// Output:
	// 2026-11-21T19:43:29.036Z-0001-000000000547B5A1 <nil>
	// true
}

func ExampleParse() {
	t, err := hlc.Parse("2026-11-21T19:43:29.036Z-0001-000000000547B5A1")
	fmt.Println(t.Milliseconds(), t.Counter(), t.Node(), err)

	_, err = hlc.Parse("2026-11-31T19:43:29.036Z-0001-000000000547B5A1")
	var parse *hlc.ParseError
	if errors.As(err, &parse) {
		fmt.Println(parse.Offset, parse.Reason)
	}
	// Output:
	// 1795290209036 1 88585633 <nil>
	// 8 the month has no such day
}

func ExampleFromBytes() {
	t, err := hlc.FromBytes([]byte{0x01, 0xA1, 0xFF, 0xA2, 0x9B, 0x0C, 0, 1, 0, 0, 0, 0, 0x05, 0x47, 0xB5, 0xA1})
	fmt.Println(t, err)

	_, err = hlc.FromBytes([]byte("too short"))
	fmt.Println(err)
	// Output:
	// 2026-11-21T19:43:29.036Z-0001-000000000547B5A1 <nil>
	// hlc: invalid timestamp: its length is 9 instead of 16 bytes
}

func ExampleFromUUID() {
	id := uuid.MustParse("01a1ffa2-9b0c-0001-0000-00000547b5a1")
	t := hlc.FromUUID(id)
	fmt.Println(t)
	fmt.Println(t.UUID() == id)
	// Output:
	// 2026-11-21T19:43:29.036Z-0001-000000000547B5A1
	// true
}

func ExampleTimestamp_Compare() {
	early, _ := hlc.New(1000, 0, 7)
	late, _ := hlc.New(1000, 1, 3)
	timestamps := []hlc.Timestamp{late, early}
	slices.SortFunc(timestamps, hlc.Timestamp.Compare)
	for _, t := range timestamps {
		fmt.Println(t)
	}
	// Output:
	// 1970-01-01T00:00:01.000Z-0000-0000000000000007
	// 1970-01-01T00:00:01.000Z-0001-0000000000000003
}

func ExampleTimestamp_MarshalText() {
	type note struct {
		At      hlc.Timestamp `json:"at"`
		Deleted hlc.Timestamp `json:"deleted,omitzero"`
	}
	at, _ := hlc.New(1795290209036, 1, 0x547B5A1)
	b, err := json.Marshal(note{At: at})
	fmt.Println(string(b), err)
	// Output: {"at":"2026-11-21T19:43:29.036Z-0001-000000000547B5A1"} <nil>
}

func ExampleTimestamp_Scan() {
	var t hlc.Timestamp
	err := t.Scan([]byte{0x01, 0xA1, 0xFF, 0xA2, 0x9B, 0x0C, 0, 1, 0, 0, 0, 0, 0x05, 0x47, 0xB5, 0xA1})
	fmt.Println(t, err)

	var nullable sql.Null[hlc.Timestamp]
	err = nullable.Scan(nil)
	fmt.Println(nullable.Valid, err)
	// Output:
	// 2026-11-21T19:43:29.036Z-0001-000000000547B5A1 <nil>
	// false <nil>
}

func ExampleNewClock() {
	clock := hlc.NewClock(&hlc.Options{
		Node:     0x547B5A1,
		MaxDrift: time.Minute,
		Now:      fixed,
	})
	fmt.Println(clock.Now())
	// Output: 2026-11-21T19:43:29.036Z-0000-000000000547B5A1 <nil>
}

func ExampleClock_Now() {
	clock := hlc.NewClock(&hlc.Options{Node: 7, Now: fixed})
	for range 3 {
		t, err := clock.Now()
		fmt.Println(t, err)
	}
	// Output:
	// 2026-11-21T19:43:29.036Z-0000-0000000000000007 <nil>
	// 2026-11-21T19:43:29.036Z-0001-0000000000000007 <nil>
	// 2026-11-21T19:43:29.036Z-0002-0000000000000007 <nil>
}

func ExampleClock_Recv() {
	clock := hlc.NewClock(&hlc.Options{Node: 7, Now: fixed})

	// A message from a process whose physical clock is two seconds ahead.
	sent, _ := hlc.Parse("2026-11-21T19:43:31.036Z-0004-0000000000000009")
	fmt.Println(clock.Recv(sent))

	// One whose clock is an hour ahead is not let in.
	sent, _ = hlc.Parse("2026-11-21T20:43:29.036Z-0000-0000000000000009")
	_, err := clock.Recv(sent)
	var drift *hlc.DriftError
	if errors.As(err, &drift) {
		fmt.Println(drift.Ahead())
	}
	// Output:
	// 2026-11-21T19:43:31.036Z-0005-0000000000000007 <nil>
	// 1h0m0s
}

func ExampleClock_Observe() {
	clock := hlc.NewClock(&hlc.Options{Node: 7, Now: fixed})

	read, _ := hlc.Parse("2026-11-21T19:43:31.036Z-0004-0000000000000009")
	fmt.Println(clock.Observe(read))
	fmt.Println(clock.Now())
	// Output:
	// <nil>
	// 2026-11-21T19:43:31.036Z-0005-0000000000000007 <nil>
}

func ExampleClock_NowAfter() {
	clock := hlc.NewClock(&hlc.Options{Node: 7, Now: fixed})

	// The last event of a log, written by a process whose clock was years ahead.
	last, _ := hlc.Parse("2031-01-01T00:00:00.000Z-0004-0000000000000009")
	next := clock.NowAfter(last)
	fmt.Println(next.After(last), next.Time().Year())

	// Everything else keeps the time of day.
	fmt.Println(clock.Now())
	// Output:
	// true 2031
	// 2026-11-21T19:43:29.036Z-0000-0000000000000007 <nil>
}

func ExampleClock_Renew() {
	clock := hlc.NewClock(&hlc.Options{Node: 7, Now: fixed})

	twin, _ := hlc.Parse("2026-11-21T19:43:31.036Z-0004-0000000000000007")
	err := clock.Observe(twin)
	if errors.Is(err, hlc.ErrDuplicateNode) {
		node := clock.Renew()
		fmt.Println(node != 7, node == clock.Node())
		fmt.Println(clock.Observe(twin))
	}
	// Output:
	// true true
	// <nil>
}
