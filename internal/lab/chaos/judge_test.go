package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// sound is a record of a round in which all went well: two commands, a refusal and a read.
func sound(t *testing.T) *record {
	t.Helper()
	h := newHistory()
	clock := hlc.NewClock(nil)
	id := clock.NowAfter(hlc.Timestamp{})
	for i, c := range []change{{Token: "a.0", By: 2}, {Token: "b.0", By: 3}, {Token: "b.1", By: 3}} {
		body, err := json.Marshal(c)
		require.NoError(t, err)
		require.NoError(t, h.add(types.Event{
			Timestamp: clock.NowAfter(hlc.Timestamp{}), AggregateID: id, Sequence: types.Sequence(i + 1), Type: "changed", Body: body,
		}))
	}
	place := [2]int{0, 1}
	r := newRecord()
	r.logs[place], r.projected[place] = h, projection{3, 8, 3}
	told := func(number int, q request, class string, state *counter) *op {
		o := &op{writer: "w", asked: entry{Op: number, At: int64(10 * number), Index: 1, request: q, Read: q.Token == ""}}
		o.told = &entry{Op: number, At: int64(10*number + 5), Class: class, State: state}
		r.ops = append(r.ops, o)
		return o
	}
	told(1, request{Token: "a", By: 2, Parts: 1}, acked, &h.states[1])
	told(2, request{Token: "b", By: 3, Parts: 2}, acked, &h.states[3])
	told(3, request{Token: "c", By: -9, Parts: 1}, rejected, nil)
	told(4, request{}, acked, &h.states[3])
	r.live = []entry{{Index: 1, State: &h.states[3], Replayed: &h.states[3]}}
	return r
}

func TestASoundRoundHasNoFindings(t *testing.T) {
	t.Parallel()
	v := judge(sound(t))
	require.Empty(t, v.findings)
	require.False(t, v.broken())
	require.Equal(t, 3, v.acked)
	require.Equal(t, 1, v.searched)
}

func TestARepeatByIDIsToldTheOutcomeOfItsFirstAttempt(t *testing.T) {
	t.Parallel()
	r := sound(t)
	again := func(at, end int64, class string, state *counter) {
		o := &op{writer: "w", asked: entry{Op: len(r.ops) + 1, At: at, Index: 1, request: request{Token: "n", To: 1}, ID: "n"}}
		o.told = &entry{At: end, Class: class, State: state}
		r.ops = append(r.ops, o)
	}
	again(16, 17, unknown, nil)
	again(50, 51, acked, &r.log().states[1]) // a no-op, at the time of the first attempt
	require.Empty(t, judge(r).findings)
	r.ops[len(r.ops)-2].asked.At = 48
	require.NotEmpty(t, judge(r).findings, "at that time the state was another")
}

// log is the only log of a record.
func (r *record) log() *history { return r.logs[[2]int{0, 1}] }

func TestWhatIsBrokenIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(r *record)
		count func(v *verdict) int
	}{
		"an acknowledged command is not in the log": {
			func(r *record) { r.ops[0].asked.Token = "lost" }, func(v *verdict) int { return v.lost },
		},
		"half of a command is in the log": {
			func(r *record) { r.ops[1].asked.Parts = 3 }, func(v *verdict) int { return v.lost },
		},
		"a lookup does not see it": {
			func(r *record) {
				r.ops[0].told.Class, r.ops[0].told.State, r.ops[0].told.Stamps = unknown, nil, []string{"stamp"}
				r.found[r.ops[0]] = 0
			}, func(v *verdict) int { return v.lost },
		},
		"half of a transaction is in the log": {
			func(r *record) { r.ops[0].asked.Pair, r.ops[2].asked.Pair = "t", "t" }, func(v *verdict) int { return v.torn },
		},
		"an event is there twice": {
			func(r *record) { r.log().changes[2].Token = "b.0" }, func(v *verdict) int { return v.duplicated },
		},
		"a command that failed is in the log": {
			func(r *record) { r.ops[0].told.Class, r.ops[0].told.State = unavailable, nil }, func(v *verdict) int { return v.duplicated },
		},
		"a gap": {
			func(r *record) { r.log().events[2].Sequence = 4 }, func(v *verdict) int { return v.reordered },
		},
		"a timestamp that falls": {
			func(r *record) { r.log().events[2].Timestamp = r.log().events[0].Timestamp }, func(v *verdict) int { return v.reordered },
		},
		"a projection that missed an event": {
			func(r *record) { r.projected[[2]int{0, 1}] = projection{3, 8, 2} }, func(v *verdict) int { return v.reordered },
		},
		"memory that differs from the store": {
			func(r *record) { r.live[0].State = &counter{Value: 9, Events: 3} }, func(v *verdict) int { return v.reordered },
		},
		"a state that never was": {
			func(r *record) { r.ops[3].told.State = &counter{Value: 5, Events: 2} }, func(v *verdict) int { return v.reordered },
		},
		"a read of the past": {
			func(r *record) { r.ops[3].told.State = &r.log().states[1] }, func(v *verdict) int { return v.reordered },
		},
		"a refusal without a reason": {
			func(r *record) { r.ops[2].asked.By = 1 }, func(v *verdict) int { return v.reordered },
		},
		"a path that was never taken": {
			func(r *record) { r.paths[pathOurs], r.must = 1, []string{pathOurs, pathGuard} }, func(v *verdict) int { return len(v.missing) },
		},
		"an error that should have been absorbed": {
			func(r *record) { r.ops[2].told.Class = wrong }, func(v *verdict) int { return v.lies },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sound(t)
			c.spoil(r)
			v := judge(r)
			require.NotZero(t, c.count(v), fmt.Sprint(v.findings))
			require.True(t, v.broken())
		})
	}
}

func TestAKilledWritersLastLineIsPassedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, err := openJournal(dir + "/w.journal")
	require.NoError(t, err)
	require.NoError(t, j.write(entry{Kind: "asked", Op: 1, At: 5, request: request{Token: "a", Parts: 1}}))
	require.NoError(t, j.write(entry{Kind: "told", Op: 1, At: 7, Class: acked, State: &counter{Value: 1, Events: 1}}))
	require.NoError(t, j.write(entry{Kind: "asked", Op: 2, At: 8, Read: true}))
	_, err = j.file.WriteString(`{"k":"told","op":2,`)
	require.NoError(t, err)
	r, err := readJournals(dir)
	require.NoError(t, err)
	require.Empty(t, r.live)
	require.Len(t, r.ops, 2)
	require.Equal(t, acked, r.ops[0].class())
	require.Equal(t, unknown, r.ops[1].class())
}

func TestEveryPlaceHasAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	f := field{Began: time.Now(), Size: 6}
	for period := range 3 {
		for index := range f.Size {
			p, i := f.place(f.id(period, index))
			require.Equal(t, [2]int{period, index}, [2]int{p, i})
		}
	}
}
