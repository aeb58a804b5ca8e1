package main

import (
	"math"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// hand is fingers by their number, and where they touch.
type hand map[int]point

// fingers puts fingers on the screen, moves them there in steps as a hand does, and lifts them.
func (p *page) fingers(from, to hand) {
	p.t.Helper()
	const steps = 8
	p.touch(input.DispatchTouchEventTypeTouchStart, from)
	for i := 1.0; i <= steps; i++ {
		now := hand{}
		for n := range from {
			now[n] = point{from[n].X + (to[n].X-from[n].X)*i/steps, from[n].Y + (to[n].Y-from[n].Y)*i/steps}
		}
		p.touch(input.DispatchTouchEventTypeTouchMove, now)
	}
	p.touch(input.DispatchTouchEventTypeTouchEnd, nil)
}

// touch is one event of the screen. It has all fingers that are down, or those that are lifted;
// none: all are.
func (p *page) touch(kind input.DispatchTouchEventType, at hand) {
	p.t.Helper()
	event := input.DispatchTouchEventParams{Type: kind, TouchPoints: []*input.TouchPoint{}}
	for finger, a := range at {
		id := float64(finger)
		event.TouchPoints = append(event.TouchPoints, &input.TouchPoint{X: a.X, Y: a.Y, ID: &id})
	}
	if _, err := chromedp.Call(p.ctx, input.DispatchTouchEvent, event); err != nil {
		p.t.Fatalf("%s: %v", kind, err)
	}
}

func (p *page) taps(at point) {
	p.t.Helper()
	p.fingers(hand{0: at}, hand{0: at})
}

// phone opens a new graph on a phone, whose owner has nothing but fingers.
func phone(t *testing.T) *page {
	t.Helper()
	url := start(t)
	p := visit(t, url)
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	p.creates(url, "Rail")
	return p
}

// view is how large the drawing is, and where in the window its point 0, 0.
func (p *page) view() (size float64, origin point) {
	p.t.Helper()
	origin = p.at(0, 0)
	return value[float64](p, `document.getElementById("world").getScreenCTM().a`), origin
}

func TestFingersPanAndPinch(t *testing.T) {
	t.Parallel()
	p := phone(t)
	p.given("add Bern 60 60", "add Chur 300 500", "connect 1 2")
	before, origin := p.view()

	// One finger moves the paper.
	p.fingers(hand{0: {100, 300}}, hand{0: {160, 260}})
	size, now := p.view()
	require.InDelta(t, before, size, 0.001)
	require.InDelta(t, origin.X+60, now.X, 1)
	require.InDelta(t, origin.Y-40, now.Y, 1)

	// Two fingers spread: what was between them stays there, twice as large.
	p.fingers(hand{0: {150, 300}, 1: {250, 300}}, hand{0: {100, 300}, 1: {300, 300}})
	larger, there := p.view()
	require.InDelta(t, 2*size, larger, 0.01)
	require.InDelta(t, 200-2*(200-now.X), there.X, 1.5)
	require.InDelta(t, 300-2*(300-now.Y), there.Y, 1.5)
	require.Equal(t, "200 %", value[string](p, `document.getElementById("scale").textContent`))

	// They close and turn, and move to another place at once.
	p.fingers(hand{0: {100, 300}, 1: {300, 300}}, hand{0: {200, 300}, 1: {200, 400}})
	smaller, there := p.view()
	require.InDelta(t, size, smaller, 0.01)
	require.InDelta(t, now.X, there.X, 2)
	require.InDelta(t, now.Y+50, there.Y, 2)

	// Two fingers side by side move the paper, and the one that stays down goes on.
	p.touch(input.DispatchTouchEventTypeTouchStart, hand{0: {100, 300}, 1: {200, 300}})
	p.touch(input.DispatchTouchEventTypeTouchMove, hand{0: {110, 320}, 1: {210, 320}})
	p.touch(input.DispatchTouchEventTypeTouchEnd, hand{1: {210, 320}}) // this one is lifted
	p.touch(input.DispatchTouchEventTypeTouchMove, hand{0: {120, 340}})
	p.touch(input.DispatchTouchEventTypeTouchEnd, nil)
	same, end := p.view()
	require.InDelta(t, smaller, same, 0.01)
	require.InDelta(t, there.X+20, end.X, 2)
	require.InDelta(t, there.Y+40, end.Y, 2)

	// The page itself was neither zoomed nor scrolled, and nothing was drawn.
	require.Equal(t, []float64{1, 0, 0}, value[[]float64](p, `[visualViewport.scale, scrollX, scrollY]`))
	require.Equal(t, "4 of 4", value[string](p, `document.getElementById("moment").textContent`))
}

func TestWhoeverPansTooFarIsBroughtBackByATap(t *testing.T) {
	t.Parallel()
	p := phone(t)
	p.given("add Bern 60 60", "add Chur 300 500", "connect 1 2")
	for range 3 {
		p.fingers(hand{0: {200, 100}}, hand{0: {200, 560}})
	}
	p.until(`document.getElementById("lost").checkVisibility()`)
	p.taps(point{200, 120}) // a browser takes the first tap after a quick movement for what ends it
	p.taps(p.middle("#lost"))
	p.until(`!document.getElementById("lost").checkVisibility()`)
	p.stands()
	canvas, town := p.box("#canvas"), p.middle(node("Chur")+" .body")
	require.Greater(t, town.Y, canvas.Top)
	require.Less(t, town.Y, canvas.Bottom)
}

func TestFingersDraw(t *testing.T) {
	t.Parallel()
	p := phone(t)
	p.sees("#blank", "Tap twice")
	p.taps(point{120, 200})
	p.taps(point{120, 200})
	p.until(`document.activeElement.matches(".inplace.is-draft")`)
	p.press("Bern\r")
	p.until(`document.activeElement.matches(%q)`, node("Bern"))
	p.taps(p.middle("#add"))
	p.until(`document.activeElement.matches(".inplace.is-draft")`)
	p.press("Chur\r")
	p.until(`document.activeElement.matches(%q)`, node("Chur"))

	// A finger pulls a node to another place, and the paper stays.
	_, origin := p.view()
	from := p.middle(node("Bern") + " .body")
	p.fingers(hand{0: from}, hand{0: {from.X + 60, from.Y + 40}})
	p.holds("#event-rows", "moved Bern")
	_, still := p.view()
	require.Equal(t, origin, still)
	moved := p.middle(node("Bern") + " .body")
	require.InDelta(t, from.X+60, moved.X, 10) // it lies on the grid
	require.InDelta(t, from.Y+40, moved.Y, 10)

	// A second finger means the view: the node is back where it was.
	p.touch(input.DispatchTouchEventTypeTouchStart, hand{0: moved})
	p.touch(input.DispatchTouchEventTypeTouchMove, hand{0: {moved.X, moved.Y + 90}})
	require.Greater(t, p.box(node("Bern")+" .body").Top, moved.Y+20)
	p.touch(input.DispatchTouchEventTypeTouchStart, hand{0: {moved.X, moved.Y + 90}, 1: {300, 400}})
	p.touch(input.DispatchTouchEventTypeTouchEnd, nil)
	require.InDelta(t, moved.Y, p.middle(node("Bern")+" .body").Y, 1)

	// An edge is pulled out of the handle that a node shows when it was tapped, or made by two
	// taps.
	p.taps(p.middle(node("Bern") + " .body"))
	p.fingers(hand{0: p.middle(node("Bern") + " .knob")}, hand{0: p.middle(node("Chur") + " .body")})
	p.until(`document.querySelector(".edge[aria-label='Edge from Bern to Chur']")`)
	p.taps(p.middle(node("Chur") + " .body"))
	p.taps(p.middle("#connect"))
	p.sees("#hint", "From Chur")
	p.taps(p.middle(node("Bern") + " .body"))
	p.until(`document.querySelector(".edge[aria-label='Edge from Chur to Bern']")`)

	// The lists open over the drawing, and close by the same tap.
	p.taps(p.middle("#history-tab"))
	p.sees("#event-rows", "You connected Chur to Bern")
	p.taps(p.middle("#history-tab"))
	p.until(`!document.getElementById("history-panel").checkVisibility()`)
	p.fingers(hand{0: p.middle("#slider")}, hand{0: p.middle("#slider")})
	p.sees("#past", "You are looking at the past.")
	require.Equal(t, "6", value[string](p, `document.getElementById("event-count").textContent`))
}

// middle is that of an element in the window.
func (p *page) middle(selector string) point {
	p.t.Helper()
	p.stands()
	b := p.box(selector)
	return point{(b.Left + b.Right) / 2, (b.Top + b.Bottom) / 2}
}

func TestAMousePansAndZooms(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	p.drag(600, 300, 650, 330) // the paper
	size, origin := p.view()
	require.InDelta(t, 1, size, 0.001)
	moved := p.middle(node("Bern") + " .body")

	// The wheel moves the paper, with Shift to the side; with Ctrl, as a trackpad tells a pinch, it
	// zooms around the pointer.
	wheel := func(modifier chromedp.Modifier, by float64) { // the protocol wants DeltaX, and leaves out a 0
		event := input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: moved.X, Y: moved.Y, DeltaX: math.SmallestNonzeroFloat64, DeltaY: by, Modifiers: int64(modifier)}
		_, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, event)
		require.NoError(t, err)
	}
	comes := func(x, y, k float64) {
		t.Helper()
		p.until(`(({ a, e, f }) => Math.abs(a - %f) < 0.01 && Math.abs(e - %f) < 1.5 && Math.abs(f - %f) < 1.5)(document.getElementById("world").getScreenCTM())`, k, x, y)
	}
	wheel(0, 100)
	comes(origin.X, origin.Y-100, 1)
	wheel(0, -100)
	comes(origin.X, origin.Y, 1)
	wheel(chromedp.ModifierShift, 60)
	comes(origin.X-60, origin.Y, 1)
	wheel(chromedp.ModifierShift, -60)
	comes(origin.X, origin.Y, 1)
	wheel(chromedp.ModifierCtrl, -200)
	k := math.Exp(0.5)
	comes(moved.X-(moved.X-origin.X)*k, moved.Y-(moved.Y-origin.Y)*k, k)

	// The buttons do it around the middle, and bring all of the graph back into sight.
	p.click("#out")
	p.stands()
	smaller, _ := p.view()
	require.InDelta(t, k*0.8, smaller, 0.01)
	p.click("#in")
	p.stands()
	p.click("#fit")
	p.stands()
	fits, _ := p.view()
	require.InDelta(t, 1, fits, 0.001)
	now, canvas := p.middle(node("Bern")+" .body"), p.middle("#canvas")
	require.InDelta(t, canvas.X, now.X, 2)
	require.InDelta(t, canvas.Y, now.Y, 2)
}
