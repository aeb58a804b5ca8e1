package main

import (
	"fmt"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What a person does with a page: mouse, keyboard, and the shortcuts of these tests.

func (p *page) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// focus goes to an element, as the Tab key does.
func (p *page) focus(selector string) {
	p.t.Helper()
	p.do(chromedp.Focus(chromedp.CSS(selector)))
}

// press presses keys. A key and what it types are one event, as in a browser: a page that takes the
// key keeps it from being typed.
func (p *page) press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	for _, r := range keys {
		events := kb.Encode(r)
		down, up := *events[0], *events[len(events)-1]
		chromedp.KeyModifiers(modifiers...)(&down)
		chromedp.KeyModifiers(modifiers...)(&up)
		if len(events) == 3 && down.Modifiers&^int64(chromedp.ModifierShift) == 0 {
			down.Type, down.Text, down.UnmodifiedText = input.DispatchKeyEventTypeKeyDown, events[1].Text, events[1].UnmodifiedText
		}
		for _, event := range []input.DispatchKeyEventParams{down, up} {
			if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, event); err != nil {
				p.t.Fatalf("press %q: %v", keys, err)
			}
		}
	}
}

// enters replaces what a field holds and presses Enter.
func (p *page) enters(selector, text string) {
	p.t.Helper()
	p.focus(selector)
	value[bool](p, `(document.querySelector(%q).select(), true)`, selector)
	p.press(text + "\r")
}

// point is a place in the window.
type point struct{ X, Y float64 }

// at returns the place of a point of the canvas.
func (p *page) at(x, y int) point {
	p.t.Helper()
	p.stands()
	return value[point](p, `(() => {
		const at = new DOMPoint(%d, %d).matrixTransform(document.getElementById("world").getScreenCTM());
		return { X: at.x, Y: at.y };
	})()`, x, y)
}

// clickAt clicks on the canvas, once or twice.
func (p *page) clickAt(x, y, times int) {
	p.t.Helper()
	at := p.at(x, y)
	for n := 1; n <= times; n++ {
		p.do(chromedp.MouseClickXY(at.X, at.Y, chromedp.ClickCount(n)))
	}
}

// drag pulls from one place of the canvas to another, in steps as a hand does.
func (p *page) drag(fromX, fromY, toX, toY int) {
	p.t.Helper()
	from, to := p.at(fromX, fromY), p.at(toX, toY)
	p.do(chromedp.DragAndDropXY(from.X, from.Y, to.X, to.Y, 8))
}

// creates makes a graph on the first page and waits for its editor.
func (p *page) creates(url, name string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
	p.enters("#name", name)
	p.until(`location.pathname.startsWith("/graphs/") && document.querySelector("#name").textContent === %q`, name)
}

// adds makes a node by a double click and types its name.
func (p *page) adds(name string, x, y int) {
	p.t.Helper()
	p.clickAt(x, y, 2)
	p.names(name)
}

// names types the name of a new node, whose field has the cursor.
func (p *page) names(name string) {
	p.t.Helper()
	p.until(`document.activeElement.matches(".inplace.is-draft")`)
	p.press(name + "\r")
	p.until(`document.activeElement.matches(%q)`, node(name))
}

// connects makes an edge with the keyboard.
func (p *page) connects(from, to string) {
	p.t.Helper()
	before := value[int](p, `document.querySelectorAll(".edge").length`)
	p.focus(node(from))
	p.press("c", chromedp.ModifierAlt)
	p.focus(node(to))
	p.press("\r")
	p.until(`document.querySelectorAll(".edge").length === %d`, before+1)
}

// node is the selector of a node with a name.
func node(name string) string { return fmt.Sprintf(`.node[aria-label^="%s,"]`, name) }

// place is where the server says that a node is.
func (p *page) place(name string) string {
	p.t.Helper()
	return value[string](p, `document.querySelector(%q).dataset.at`, node(name))
}

// stands waits until nothing moves.
func (p *page) stands() {
	p.t.Helper()
	p.until(`!document.documentElement.hasAttribute("data-moving")`)
}

// opens shows one of the lists: nodes, edges or history.
func (p *page) opens(list string) {
	p.t.Helper()
	if !value[bool](p, `document.getElementById("%s-panel").checkVisibility()`, list) {
		p.click("#" + list + "-tab")
	}
}
