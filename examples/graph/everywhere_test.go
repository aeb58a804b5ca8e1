package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// everywhere shows a new graph on a desk and on a phone, in light and in dark colours, to somebody who
// has nothing but a keyboard.
func everywhere(t *testing.T, test func(p *page)) {
	t.Helper()
	url := start(t)
	for _, size := range [][2]int64{{1280, 860}, {390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%d %s", size[0], scheme), func(t *testing.T) {
				t.Parallel()
				p := visit(t, url)
				p.do(chromedp.EmulateViewport(size[0], size[1]))
				p.prefers(scheme)
				p.until(`document.activeElement.id === "name"`)
				p.press(t.Name() + "\r")
				p.until(`document.querySelector("h1 #name")?.textContent === %q`, t.Name())
				test(p)
			})
		}
	}
}

// isPhone reports whether the lists open over the drawing.
func (p *page) isPhone() bool { return value[bool](p, `innerWidth < 760`) }

// given carries commands out at once, as somebody in another window does: "add Bern 100 200",
// "connect 1 2", "move 1 100 200", "remove 1".
func (p *page) given(commands ...string) {
	p.t.Helper()
	require.Equal(p.t, 0, value[int](p, `(async (commands) => {
		const data = {
			add: ([name, x, y]) => ["add_node", { name, x: Number(x), y: Number(y) }],
			connect: ([from, to]) => ["add_edge", { from: Number(from), to: Number(to) }],
			move: ([id, x, y]) => ["move_node", { id: Number(id), x: Number(x), y: Number(y) }],
			remove: ([id]) => ["remove_node", { id: Number(id) }],
		};
		let refused = 0;
		for (const command of commands) {
			const [verb, ...rest] = command.split(" ");
			const [type, body] = data[verb](rest);
			const answer = await fetch("/api" + location.pathname + "/commands", {
				method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ type, data: body }),
			});
			if (!answer.ok) refused++;
		}
		return refused;
	})(%s)`, quoted(commands)))
	p.until(`Number(document.getElementById("event-count").textContent) > %d`, len(commands))
}

// quoted is a list of strings in JavaScript.
func quoted(list []string) string {
	text := ""
	for _, s := range list {
		text += fmt.Sprintf("%q,", s)
	}
	return "[" + text + "]"
}

// goesTo goes to an element with the Tab key.
func (p *page) goesTo(selector string) {
	p.t.Helper()
	p.tabTo(fmt.Sprintf(`document.activeElement.matches(%q)`, selector))
}

// looksAt opens a list with the keyboard.
func (p *page) looksAt(list string) {
	p.t.Helper()
	p.goesTo("[role=tab]")
	for range 3 {
		if value[bool](p, `document.activeElement.id === "%s-tab"`, list) {
			break
		}
		p.press(right)
	}
	if !value[bool](p, `document.getElementById("%s-panel").checkVisibility()`, list) {
		p.press("\r")
	}
	p.until(`document.getElementById("%s-panel").checkVisibility()`, list)
}

// box is where an element is in the window.
type box struct{ Left, Top, Right, Bottom float64 }

func (p *page) box(selector string) box {
	p.t.Helper()
	return value[box](p, `(({ left, top, right, bottom }) => ({ Left: left, Top: top, Right: right, Bottom: bottom }))(document.querySelector(%q).getBoundingClientRect())`, selector)
}
