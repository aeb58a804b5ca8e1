package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// slides moves the slider with the keyboard, from the end of the history to a moment.
func (p *page) slides(to int) {
	p.t.Helper()
	p.focus("#slider")
	p.press(kb.Home)
	for range to - 1 {
		p.press(kb.ArrowRight)
	}
	p.until(`document.getElementById("moment").textContent.startsWith("%d of")`, to)
}

func TestTheSliderShowsEveryMoment(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	p.adds("Chur", 600, 200)
	p.connects("Bern", "Chur")
	p.until(`document.getElementById("moment").textContent === "4 of 4"`)
	p.click("#details")

	detail := func() string { return value[string](p, `document.getElementById("detail").innerText`) }
	for moment, want := range []struct {
		eventType, body string
		nodes, edges    int
	}{
		{"graph_created", `"name": "Rail"`, 0, 0},
		{"node_added", `"name": "Bern"`, 1, 0},
		{"node_added", `"name": "Chur"`, 2, 0},
		{"edge_added", `"from": 1`, 2, 1},
	} {
		p.slides(moment + 1)
		p.until(`document.querySelectorAll(".node").length === %d && document.querySelectorAll(".edge").length === %d`, want.nodes, want.edges)
		p.sees("#detail", want.eventType)
		require.Contains(t, detail(), want.body)
		require.Regexp(t, `Time\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC\s+Counter\s+\d+\s+Node\s+[0-9A-F]{16} \(this process\)`, detail())
		require.Regexp(t, `\d{4}-\d\d-\d\dT[\d:.]+Z-[0-9A-F]{4}-[0-9A-F]{16}`, detail())
		require.Contains(t, value[string](p, `document.querySelector("[aria-current]").textContent`), want.eventType)
	}
}

func TestThePastCanBeLookedAtButNotChanged(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	p.adds("Chur", 600, 200)
	p.slides(2)
	p.sees("#past-text", "You are looking at the past. It can't be changed.")
	p.until(`document.querySelectorAll(".node").length === 1`)

	p.clickAt(900, 500, 2)
	p.drag(200, 200, 400, 400)
	p.focus(node("Bern"))
	p.press("n")
	p.press(kb.Delete)
	p.press(kb.ArrowDown)
	p.press("\r")
	p.press("z", chromedp.ModifierCtrl)
	require.Equal(t, "200 200", p.place("Bern"))
	require.Empty(t, value[[]string](p, `[...document.querySelectorAll("#name, #undo, #redo, .toolbar button, .side form :is(input, select, button), .side td button.small")]
		.filter((e) => e.checkVisibility() && !e.disabled).map((e) => e.outerHTML)`))
	p.click("#to-now")
	// Commands are answered in order: had one of them been sent, it would be in the history now.
	p.click("#name")
	p.enters(".inplace", "Railway")
	p.sees("#status", "You renamed the graph from Rail to Railway.")
	require.Equal(t, "4 of 4", value[string](p, `document.getElementById("moment").textContent`))
	require.Equal(t, "200 200", p.place("Bern"))
}

func TestAPersonUndoesByGoingBackInTime(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	require.True(t, value[bool](p, `document.getElementById("undo").disabled`), "nothing to undo but the graph itself")
	p.adds("Bern", 200, 200)
	p.adds("Chur", 600, 200)
	p.connects("Bern", "Chur")
	p.focus(node("Chur"))
	p.press(kb.Delete)
	p.until(`document.querySelectorAll(".node").length === 1`) // two events, one command

	p.click("#undo")
	p.until(`document.querySelectorAll(".node").length === 2 && document.querySelectorAll(".edge").length === 1`)
	p.holds("#event-rows", "graph_reverted")
	require.Equal(t, "600 200", p.place("Chur"))
	p.click("#undo")
	p.until(`document.querySelectorAll(".edge").length === 0`)
	p.click("#redo")
	p.until(`document.querySelectorAll(".edge").length === 1`)
	p.click("#redo")
	p.until(`document.querySelectorAll(".node").length === 1 && document.getElementById("redo").disabled`)

	// Any moment can be brought back, and the history only grows.
	events := value[int](p, `document.querySelectorAll("#event-rows tr").length`)
	p.slides(2)
	p.click("#bring-back")
	p.until(`!document.body.classList.contains("is-past") && document.querySelectorAll(".node").length === 1`)
	p.until(`document.querySelectorAll("#event-rows tr").length >= %d`, events)
	p.click("#undo")
	p.sees("#status", "You undid “removed Chur and 1 edge”.")
	p.slides(1)
	p.click("#bring-back")
	p.sees("#status", "You went back to moment 1.")
	require.Equal(t, 0, value[int](p, `document.querySelectorAll(".node").length`))
	p.click("#redo")
	p.sees("#status", "You redid “added Bern”.")
}
