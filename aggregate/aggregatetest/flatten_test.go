package aggregatetest

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

type link struct {
	Name string
	Next *link
}

type point struct{ X, Y int }

type hidden struct {
	at   time.Time
	tags map[string]struct{}
}

func lines(v any, typed bool) []string {
	list := []string{}
	for _, l := range flatten("v", v, typed) {
		list = append(list, l.path+" = "+l.text)
	}
	return list
}

func TestValuesAreFlattenedToTheirLeaves(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("here", 3600))
	stamp, err := hlc.New(1_700_000_000_000, 1, 2)
	require.NoError(t, err)
	for want, v := range map[string]any{
		`v = nil`:                            nil,
		`v = 1`:                              1,
		`v = 7`:                              uint8(7),
		`v = true`:                           true,
		`v = "a"`:                            "a",
		`v = 0.1`:                            0.1,
		`v = NaN`:                            math.NaN(),
		`v = (1+2i)`:                         1 + 2i,
		`v = {}`:                             struct{}{},
		`v = "ab"`:                           []byte("ab"),
		`v = {"a": 1}`:                       json.RawMessage(`{"a": 1}`),
		`v = 1.50`:                           json.Number("1.50"),
		`v = 2026-01-02T02:04:05.000000006Z`: at,
		`v = ` + stamp.String():              stamp,
		`v.X = 1|v.Y = 2`:                    &point{1, 2},
		`v[0] = 1|v[1] = 2`:                  [2]int{1, 2},
		`v[0] = {}|v[1] = {}`:                [][]int{nil, {}},
		`v.a = {}`:                           map[string]struct{}{"a": {}},
		`v.a = 1|v["b c"] = 2`:               map[string]int{"b c": 2, "a": 1},
		`v[1] = 2|v[3] = 4`:                  map[int]int{3: 4, 1: 2},
		`v[.X 1 .Y 2] = 3`:                   map[point]int{{1, 2}: 3},
		`v[` + stamp.String() + `] = 1`:      map[hlc.Timestamp]int{stamp: 1},
		`v[1] = 1|v.a = 2`:                   map[any]int{1: 1, "a": 2},
		`v.Name = "a"|v.Next = nil`:          link{Name: "a"},
		`v = a func()`:                       func() {},
		`v = a chan int`:                     make(chan int),
	} {
		got := strings.Join(lines(v, false), "|")
		if _, isMap := v.(map[any]int); isMap {
			require.ElementsMatch(t, strings.Split(want, "|"), strings.Split(got, "|"))
			continue
		}
		require.Equal(t, want, got)
	}
}

func TestNilAndEmptyAreTheSame(t *testing.T) {
	t.Parallel()
	type s struct {
		A []int
		M map[string]int
		B []byte
	}
	require.Equal(t, lines(s{}, true), lines(s{[]int{}, map[string]int{}, []byte{}}, true))
	require.NotEqual(t, lines(&link{}, true), lines((*link)(nil), true), "a pointer is there or it isn't")
	require.Equal(t, []string{"v = nil"}, lines((func())(nil), true))
}

func TestTypesBehindInterfacesCountWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	one, other := []any{1, "a"}, []any{1.0, "a"}
	require.Equal(t, lines(one, false), lines(other, false))
	require.NotEqual(t, lines(one, true), lines(other, true))
	require.Equal(t, []string{"v[0].(type) = int", "v[0] = 1", "v[1].(type) = string", `v[1] = "a"`}, lines(one, true))
	require.Equal(t, []string{"v[0] = nil"}, lines([]any{nil}, true))
}

func TestFieldsThatAreNotExportedCount(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := hidden{at: now, tags: map[string]struct{}{"a": {}}}
	require.Equal(t, lines(h, true), lines(hidden{at: now, tags: map[string]struct{}{"a": {}}}, true))
	require.NotEqual(t, lines(h, true), lines(hidden{at: now.Add(1), tags: h.tags}, true))
	require.NotEqual(t, lines(h, true), lines(hidden{at: now}, true))
}

func TestWhatHasNoEndIsCutOff(t *testing.T) {
	t.Parallel()
	ring := &link{Name: "a"}
	ring.Next = ring
	got := lines(ring, true)
	require.Less(t, len(got), maxDepth+2)
	require.Contains(t, got[len(got)-1], "…")
	require.Len(t, lines(make([]int, maxLines+5), true), maxLines)
}

func TestADifferenceIsReadable(t *testing.T) {
	t.Parallel()
	want := map[string]any{"a": 1, "b": "x", "gone": true}
	got := map[string]any{"a": 2, "b": "x", "more": []int{1}}
	require.Equal(t, `
    v.a: got 2, want 1
    v.gone: got nothing, want true
    v.more[0]: got 1, want nothing`, difference(flatten("v", want, false), flatten("v", got, false)))
	require.Empty(t, difference(flatten("v", want, true), flatten("v", want, true)))

	many := difference(flatten("v", make([]int, 50), true), flatten("v", nil, true))
	require.Equal(t, maxShown+1, strings.Count(many, "\n"))
	require.True(t, strings.HasSuffix(many, fmt.Sprintf("… and %d more", 51-maxShown)), many)
}
