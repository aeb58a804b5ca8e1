package hlc_test

import (
	"encoding/hex"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/hlc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is where the physical clocks of these tests start, in milliseconds.
const noon = 1795290209036

// last48 is the very last timestamp.
var last48 = stamp(hlc.MaxMilliseconds, math.MaxUint16, math.MaxUint64)

// physical is a clock on the wall that a test turns by hand.
type physical struct{ ms atomic.Int64 }

func at(ms int64) *physical {
	p := &physical{}
	p.ms.Store(ms)
	return p
}

func (p *physical) now() time.Time       { return time.UnixMilli(p.ms.Load()) }
func (p *physical) turn(d time.Duration) { p.ms.Add(d.Milliseconds()) }

// stamp is New for values that are known to be in range.
func stamp(ms int64, counter uint16, node uint64) hlc.Timestamp {
	t, err := hlc.New(ms, counter, node)
	if err != nil {
		panic(err)
	}
	return t
}

func fromHex(tb testing.TB, s string) hlc.Timestamp {
	tb.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(tb, err)
	t, err := hlc.FromBytes(b)
	require.NoError(tb, err)
	return t
}

// timestamps draws from the whole range, often at its edges or close to noon, so that
// equal times and equal counters are common.
func timestamps() *rapid.Generator[hlc.Timestamp] {
	ms := rapid.OneOf(
		rapid.Int64Range(0, hlc.MaxMilliseconds),
		rapid.Int64Range(noon-2, noon+2),
		rapid.SampledFrom([]int64{0, 253402300799999, 253402300800000, hlc.MaxMilliseconds}),
	)
	node := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 2))
	return rapid.Custom(func(t *rapid.T) hlc.Timestamp {
		return stamp(ms.Draw(t, "ms"), rapid.Uint16().Draw(t, "counter"), node.Draw(t, "node"))
	})
}
