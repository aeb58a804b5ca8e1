package main

import (
	"fmt"

	"github.com/chromedp/chromedp"
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

// press presses keys.
func (p *page) press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
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
	return value[point](p, `(() => {
		const at = new DOMPoint(%d, %d).matrixTransform(document.getElementById("canvas").getScreenCTM());
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

// adds makes a node by a double click and gives it a name in place.
func (p *page) adds(name string, x, y int) {
	p.t.Helper()
	before := value[int](p, `document.querySelectorAll(".node").length`)
	p.clickAt(x, y, 2)
	p.until(`document.querySelectorAll(".node").length === %d && document.activeElement.matches(".node")`, before+1)
	p.press("\r")
	p.until(`document.activeElement.matches(".inplace")`)
	p.enters(".inplace", name)
	p.sees("#node-rows", name)
	p.until(`document.activeElement.matches(".node")`)
}

// connects makes an edge with the keyboard.
func (p *page) connects(from, to string) {
	p.t.Helper()
	before := value[int](p, `document.querySelectorAll(".edge").length`)
	p.focus(node(from))
	p.press("c")
	p.focus(node(to))
	p.press("\r")
	p.until(`document.querySelectorAll(".edge").length === %d`, before+1)
}

// node is the selector of a node with a name.
func node(name string) string { return fmt.Sprintf(`.node[aria-label^="%s,"]`, name) }

// place is where the server says that a node is.
func (p *page) place(name string) string {
	p.t.Helper()
	return value[string](p, `document.querySelector(%q).getAttribute("transform")`, node(name))
}
