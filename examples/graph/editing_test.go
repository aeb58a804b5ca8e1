package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

func TestAPersonDrawsAGraphWithTheMouse(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.sees("#empty", "There is none yet")
	p.creates(url, "Rail")
	p.sees("#blank", "Double click, or press")
	p.adds("Bern", 200, 200)
	p.adds("Chur", 600, 200)
	p.adds("Genf", 600, 500)

	// An edge is pulled out of a node's handle …
	bern := p.at(200, 200)
	p.do(chromedp.MouseEvent(chromedp.MouseMoved, bern.X, bern.Y))
	port := p.portOf("Bern")
	p.drag(port[0], port[1], 600, 200)
	p.holds("#edge-rows", "Chur")
	// … or made by clicks: the handle, then the other node.
	port = p.portOf("Chur")
	p.clickAt(600, 200, 1)
	p.clickAt(port[0], port[1], 1)
	p.sees("#hint", "From Chur: choose the node that it leads to.")
	p.clickAt(600, 500, 1)
	p.until(`document.querySelectorAll(".edge").length === 2`)
	require.Equal(t, "", value[string](p, `document.getElementById("hint").textContent`))

	// The button does it from any node.
	p.clickAt(1000, 600, 1)
	p.click("#connect")
	p.sees("#hint", "Choose the node that the edge begins at.")
	p.clickAt(600, 500, 1)
	p.clickAt(200, 200, 1)
	p.until(`document.querySelector(".edge[aria-label='Edge from Genf to Bern']")`)

	p.drag(200, 200, 300, 320)
	p.holds("#event-rows", "node_moved")
	p.until(`document.querySelector(%q).dataset.at === "300 320"`, node("Bern"))
	require.Equal(t, "300", value[string](p, `document.querySelector("#selection [name=x]").value`))

	p.clickAt(600, 200, 1)
	p.click("#remove")
	p.until(`document.querySelectorAll(".node").length === 2 && document.querySelectorAll(".edge").length === 1`)
	p.sees("#status", "You removed Chur and 2 edges.")

	p.clickAt(450, 410, 1) // the middle of the edge that is left
	p.sees("#selected-edge", "The edge from Genf to Bern.")
	p.click("#remove")
	p.until(`document.querySelectorAll(".edge").length === 0`)

	p.click("#name")
	p.enters(".inplace", "Railway")
	p.until(`document.title === "Railway · Maestro"`)

	// Going elsewhere saves a name too, and nobody is called back.
	p.clickAt(300, 320, 2)
	p.focus(".inplace")
	p.press("Biel")
	p.clickAt(600, 500, 1)
	p.holds("#node-rows", "Biel")
	p.until(`!document.querySelector(".inplace") && document.activeElement.matches(%q)`, node("Genf"))
	p.do(chromedp.Reload())
	p.until(`document.querySelector("#name").textContent === "Railway" && document.querySelectorAll(".node").length === 2`)
}

// portOf is the place of a node's handle on the canvas.
func (p *page) portOf(name string) [2]int {
	p.t.Helper()
	return value[[2]int](p, `(() => {
		const m = document.querySelector(%q).querySelector(".port").getCTM();
		const own = document.getElementById("canvas").getCTM();
		const at = new DOMPoint(m.e, m.f).matrixTransform(own.inverse());
		return [Math.round(at.x), Math.round(at.y)];
	})()`, node(name))
}

func TestAPersonDrawsAGraphWithTheKeyboard(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.until(`document.activeElement.id === "name"`)
	p.press("Rail\r")
	p.until(`location.pathname.startsWith("/graphs/") && document.querySelector("#name")?.textContent === "Rail"`)

	p.tabTo(`document.activeElement.id === "canvas"`)
	p.press("n")
	p.names("Bern")
	p.press("n", chromedp.ModifierAlt)
	p.press("\r") // who gives no name gets one
	p.until(`document.activeElement.matches(%q)`, node("Node 2"))

	p.press("c", chromedp.ModifierAlt)
	p.sees("#hint", "From Node 2")
	p.tabTo(`document.activeElement.matches(".node[aria-label^=Bern]")`)
	p.press("\r")
	p.holds("#edge-rows", "Node 2")

	before := p.place("Bern")
	for range 5 {
		p.press(kb.ArrowRight)
	}
	p.press(kb.ArrowDown, chromedp.ModifierShift)
	p.holds("#event-rows", "node_moved")
	var x, y int
	_, err := fmt.Sscan(before, &x, &y)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(x+50, " ", y+1), p.place("Bern"))
	require.Equal(t, 1, value[int](p, `[...document.querySelectorAll("#event-rows code")].filter(e => e.textContent === "node_moved").length`),
		"a row of key presses is one move")

	p.tabTo(`document.activeElement.matches(".edge")`)
	p.press(kb.Delete)
	p.until(`document.querySelectorAll(".edge").length === 0 && document.activeElement.id === "canvas"`)
	p.press("z", chromedp.ModifierCtrl)
	p.until(`document.querySelectorAll(".edge").length === 1`)
	p.press("z", chromedp.ModifierCtrl, chromedp.ModifierShift)
	p.until(`document.querySelectorAll(".edge").length === 0`)
}

// tabTo presses Tab until it arrives.
func (p *page) tabTo(where string) {
	p.t.Helper()
	for range 60 {
		if value[bool](p, "%s", where) {
			return
		}
		p.press("\t")
	}
	p.t.Fatalf("Tab never comes to %s\n%s", where, p.saved())
}

func TestTheListsDoWhatTheCanvasDoes(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.holds("#node-rows", "No nodes yet.")
	p.enters("#add-form [name=name]", "Bern")
	p.holds("#node-rows", "Bern")
	p.enters("#add-form [name=name]", "Chur")
	p.holds("#node-rows", "Chur")
	p.opens("edges")
	p.choose("#edge-form [name=from]", "Chur")
	p.choose("#edge-form [name=to]", "Bern")
	p.click("#edge-form button")
	p.holds("#edge-rows", "Bern")

	p.opens("nodes")
	p.click("#node-rows tr:first-child button.link")
	p.until(`document.activeElement.matches(%q)`, node("Bern"))
	p.enters("#selection [name=name]", "Basel")
	p.holds("#node-rows", "Basel")
	p.enters("#selection [name=x]", "777")
	p.until(`document.querySelector(%q).dataset.at.startsWith("777 ")`, node("Basel"))

	p.opens("edges")
	p.click(`[aria-label="Remove edge from Chur to Basel"]`)
	p.holds("#edge-rows", "No edges yet.")
	p.opens("nodes")
	p.click(`[aria-label="Remove node Chur"]`)
	p.until(`document.querySelectorAll("#node-rows tr").length === 1`)
}

// choose picks an option by its text.
func (p *page) choose(selector, text string) {
	p.t.Helper()
	p.until(`(() => {
		const select = document.querySelector(%q);
		const option = [...select.options].find((o) => o.text === %q);
		if (!option) return false;
		select.value = option.value;
		return select.dispatchEvent(new Event("change"));
	})()`, selector, text)
}

func TestWhatIsTypedWhileAFormIsUnderWayStays(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	p.focus(node("Bern"))
	value[bool](p, `(() => {
		const form = document.getElementById("selection");
		form.elements.y.value = "300";
		form.requestSubmit();
		form.elements.x.value = "450";
		return true;
	})()`)
	p.until(`document.getElementById("status").textContent.includes("You moved Bern")`)
	require.Equal(t, "200 300", p.place("Bern"))
	require.Equal(t, []string{"450", "300"}, value[[]string](p, `["x", "y"].map((k) => document.getElementById("selection").elements[k].value)`))
	p.enters("#selection [name=x]", "450")
	p.until(`document.querySelector('.node[aria-label^="Bern,"]').dataset.at === "450 300"`)
}
