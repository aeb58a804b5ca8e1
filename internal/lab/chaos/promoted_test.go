package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// promoted is a sound round in which a standby was promoted that had the first two of the log's
// three events. An operation that came before it was told of a third event that nobody knows any
// more.
func promoted(t *testing.T, k kind) (r *record, gone *op) {
	t.Helper()
	r = sound(t)
	second := int64(time.Second)
	for i, o := range r.ops { // what the log knows was asked long after
		o.asked.At, o.told.At = int64(100+i)*second, int64(100+i)*second+1
	}
	r.kind = k
	r.promotions = []promotion{{from: 5 * second, switched: 10 * second, base: map[[2]int]int{{0, 1}: 2}}}
	gone = &op{writer: "w", asked: entry{Op: 9, At: 8 * second, Index: 1, request: request{Token: "gone", By: 1, Parts: 1}}}
	gone.told = &entry{Op: 9, At: 9 * second, Class: acked, State: &counter{Value: 6, Events: 3, Digest: 77}}
	r.ops = append(r.ops, gone)
	return r, gone
}

func TestWhatAnAsynchronousStandbyHadNotGotIsCountedApart(t *testing.T) {
	t.Parallel()
	r, _ := promoted(t, asynchronous)
	v := judge(r)
	require.Empty(t, v.findings)
	require.Equal(t, 1, v.replication)
}

func TestASynchronousStandbyLosesNothing(t *testing.T) {
	t.Parallel()
	r, gone := promoted(t, synchronous)
	require.NotZero(t, judge(r).lost)
	gone.asked.request, gone.asked.Read = request{}, true
	require.Empty(t, judge(r).findings, "what was only read may be of rows that are not replicated")
}

func TestAPromotionExcusesNothingElse(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(gone *op, r *record){
		"asked afterwards":                    func(o *op, _ *record) { o.asked.At = 11 * int64(time.Second) },
		"told long afterwards":                func(o *op, _ *record) { o.told.At = 20 * int64(time.Second) },
		"told before the standby fell behind": func(o *op, _ *record) { o.told.At = 4 * int64(time.Second) },
		"the standby had as much":             func(_ *op, r *record) { r.promotions[0].base[[2]int{0, 1}] = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, gone := promoted(t, asynchronous)
			spoil(gone, r)
			v := judge(r)
			require.NotZero(t, v.lost, "%v", v.findings)
			require.Zero(t, v.replication)
		})
	}
}

func TestAPromotionKeepsWhatTheOneBeforeHad(t *testing.T) {
	t.Parallel()
	r, _ := promoted(t, asynchronous)
	r.promotions = append(r.promotions, promotion{base: map[[2]int]int{{0, 1}: 1}})
	require.NotZero(t, judge(r).lost)
	r.promotions = r.promotions[:1]
	r.promotions[0].base[[2]int{0, 1}] = 4
	require.NotZero(t, judge(r).lost, "the log has three events")
}

func TestARefusalThatRestsOnWhatIsGoneIsNotSearchedFor(t *testing.T) {
	t.Parallel()
	r, gone := promoted(t, asynchronous)
	gone.asked.By, gone.told.Class, gone.told.State = 1, rejected, nil
	require.Empty(t, judge(r).findings)
	gone.asked.At = 11 * int64(time.Second)
	require.NotEmpty(t, judge(r).findings)
}
