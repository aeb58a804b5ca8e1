package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// everywhere shows a new graph on a desk and on a phone, in light and in dark colours, to somebody
// who has nothing but a keyboard.
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
	before := value[int](p, `Number(document.getElementById("event-count").textContent)`)
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
	p.until(`Number(document.getElementById("event-count").textContent) >= %d`, before+len(commands))
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

// edge is what an edge looks like: how far its ends are from the borders of its nodes, in the
// canvas' units, and which other nodes it runs behind.
type edge struct {
	Label      string
	Start, Tip float64
	Crosses    []string
}

func (p *page) edges() []edge {
	p.t.Helper()
	p.stands()
	return value[[]edge](p, `(() => {
		const nodes = [...document.querySelectorAll(".node")].map((n) => {
			const [x, y] = n.dataset.at.split(" ").map(Number);
			return { name: n.ariaLabel.split(",")[0], id: n.dataset.id, x, y, w: Number(n.querySelector(".body").getAttribute("width")) / 2 - 20 };
		});
		const outside = (p, n) => Math.hypot(Math.max(Math.abs(p.x - n.x) - n.w, 0), p.y - n.y) - 20; // the ends are round
		return [...document.querySelectorAll(".edge")].map((e) => {
			const line = e.querySelector(".line");
			const length = line.getTotalLength();
			const points = Array.from({ length: 201 }, (_, i) => line.getPointAtLength((length * i) / 200));
			const [from, to] = [e.dataset.from, e.dataset.to].map((id) => nodes.find((n) => n.id === id));
			return {
				Label: e.ariaLabel, Start: outside(points[0], from), Tip: outside(e.querySelector(".head").getPointAtLength(0), to),
				Crosses: nodes.filter((n) => n !== from && n !== to && points.some((p) => outside(p, n) < 0)).map((n) => n.name),
			};
		});
	})()`)
}

// overlaps returns the nodes that lie on others.
func (p *page) overlaps() []string {
	p.t.Helper()
	p.stands()
	return value[[]string](p, `(() => {
		const boxes = [...document.querySelectorAll(".node")].map((e) => [e.ariaLabel, e.querySelector(".body").getBoundingClientRect()]);
		return boxes.flatMap(([name, a], i) => boxes.slice(i + 1)
			.filter(([, b]) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).map(([other]) => name + " / " + other));
	})()`)
}

// inSight counts the rows of a list that can be seen as a whole.
func (p *page) inSight(list, rows string) int {
	p.t.Helper()
	return value[int](p, `(() => {
		const box = document.querySelector("#%s-panel .scroll").getBoundingClientRect();
		const top = document.querySelector("#%s-panel thead").getBoundingClientRect().bottom;
		return [...document.querySelectorAll("%s tr")].map((e) => e.getBoundingClientRect())
			.filter((r) => r.top >= top - 1 && r.bottom <= Math.min(box.bottom, innerHeight) + 1).length;
	})()`, list, list, rows)
}
