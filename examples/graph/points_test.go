package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

const (
	left  = kb.ArrowLeft
	right = kb.ArrowRight
)

func TestTheCursorIsInTheNameOfANewNode(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.press("n", chromedp.ModifierAlt)
		require.Equal(p.t, "Name of the new node", value[string](p, `document.activeElement.ariaLabel`), "at once, without waiting for an answer")
		p.press("Bern\r")
		p.until(`document.activeElement.matches(%q)`, node("Bern"))
		// Letters on a node are its name, too. None of them adds, connects or removes.
		p.press("Connecting nodes\r")
		p.until(`document.activeElement.matches(%q)`, node("Connecting nodes"))
		p.press("x" + kb.Escape)
		p.until(`document.activeElement.matches(%q)`, node("Connecting nodes"))
		require.Equal(p.t, 1, value[int](p, `document.querySelectorAll(".node").length`))
		require.Equal(p.t, "3", value[string](p, `document.getElementById("event-count").textContent`))
		// Only the canvas itself takes letters as wishes.
		p.goesTo("#fit")
		p.press("n")
		require.False(p.t, value[bool](p, `Boolean(document.querySelector(".inplace"))`))
	})
}

func TestNamesTellNodesApart(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		for _, name := range []string{"Bern", "Chur"} {
			p.press("n", chromedp.ModifierAlt)
			p.press(name + "\r")
			p.until(`document.activeElement.matches(%q)`, node(name))
		}
		p.press("n", chromedp.ModifierAlt)
		p.press("Bern\r")
		p.complains(".inplace", `There is a node "Bern" already. Please choose another name.`)
		p.press("an\r")
		p.until(`document.activeElement.matches(%q)`, node("Bernan"))

		// The two lists that connect stand on two different nodes, the first on the selected one.
		p.looksAt("edges")
		chosen := func() []string {
			return value[[]string](p, `["from", "to"].map((name) => document.getElementById("edge-form").elements[name].selectedOptions[0].text)`)
		}
		require.Equal(p.t, []string{"Bernan", "Bern"}, chosen())
		p.goesTo("#edge-form [name=to]")
		p.press(kb.ArrowDown)
		p.goesTo("#edge-form button")
		p.press("\r")
		p.until(`document.querySelector(".edge")?.ariaLabel === "Edge from Bernan to Chur"`)
	})
}

func TestNothingMovesButTheGraph(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.given("add Bern 60 60", "add Chur 200 200", "connect 1 2", "move 1 100 120", "remove 2")
		p.stands()
		value[bool](p, `(() => {
			window.went = []; // the classes of what fades out
			new MutationObserver((all) => all.forEach((m) => m.target.classList.contains("gone") && went.push(m.target.getAttribute("class"))))
				.observe(document.getElementById("world"), { subtree: true, attributes: true, attributeFilter: ["class"] });
			return true;
		})()`)
		frame := func() string {
			return value[string](p, `JSON.stringify([...["#canvas", "#slider", "#status", "#moment", ".side", ".tabs", "#name"].map((s) => {
				const { x, y, width, height } = document.querySelector(s).getBoundingClientRect();
				return s === "#name" ? [x, y] : [x, y, width, height].map(Math.round);
			}), document.getElementById("world").getAttribute("transform")])`)
		}
		still := frame()
		p.goesTo("#slider")
		marked := func(want string) {
			p.t.Helper()
			p.until(`[...document.querySelectorAll(".node.is-changed, .edge.is-changed, #marks > *")].map((e) => e.ariaLabel?.split(",")[0] ?? e.getAttribute("class")).join() === %q`, want)
			require.Equal(p.t, still, frame(), want)
		}
		for _, step := range []struct{ key, moment, changed string }{
			{left, "6 of 7", "was"},
			{left, "5 of 7", "trail,origin,Bern"},
			{left, "4 of 7", "Edge from Bern to Chur"},
			{left, "3 of 7", "Chur"},
			{left, "2 of 7", "Bern"},
			{right, "3 of 7", "Chur"},
		} {
			p.press(step.key)
			p.until(`document.getElementById("moment").textContent === %q`, step.moment)
			marked(step.changed)
		}
		require.Equal(p.t, "appear", value[string](p, `getComputedStyle(document.querySelector(%q)).animationName`, node("Chur")))
		p.until(`went.includes("gone node-gone") && went.includes("gone edge-gone")`)
		p.goesTo("#to-now")
		p.press("\r")
		p.until(`!document.body.classList.contains("is-past") && document.activeElement.id === "slider"`)
		require.Equal(p.t, still, frame())
	})
}

func TestTheListsHaveRoom(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		var commands []string
		for i := range 30 {
			commands = append(commands, "add N"+string(rune('a'+i%26))+string(rune('a'+i/26))+" "+string(rune('1'+i%9))+"00 "+string(rune('1'+i/9))+"00")
		}
		p.given(commands...)
		least := 12
		if p.isPhone() {
			least = 7
		}
		for list, rows := range map[string]string{"nodes": "#node-rows", "history": "#event-rows"} {
			p.looksAt(list)
			require.GreaterOrEqual(p.t, value[int](p, `(() => {
				const box = document.querySelector("#%s-panel .scroll").getBoundingClientRect();
				return [...document.querySelectorAll("%s tr")].map((e) => e.getBoundingClientRect())
					.filter((r) => r.top >= box.top && r.bottom <= Math.min(box.bottom, innerHeight)).length;
			})()`, list, rows), least, list)
		}
		require.Greater(p.t, value[float64](p, `document.querySelector("#event-rows td:nth-child(2)").getBoundingClientRect().width`), 150.)
		require.True(p.t, value[bool](p, `document.documentElement.scrollHeight <= innerHeight`), "nothing is below the fold")
	})
}

func TestTheCanvasIsLookedAroundIn(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.given("add West 0 0", "add East 1400 0", "add South 700 900")
		p.do(chromedp.Reload())
		p.until(`document.querySelectorAll(".node").length === 3`)
		p.stands()
		size := func() float64 {
			return value[float64](p, `16 * document.getElementById("world").getScreenCTM().a`)
		}
		at := func() box { p.stands(); return p.box(".node .body") }
		require.GreaterOrEqual(p.t, size(), 12., "it can be read, without zooming")
		p.goesTo("#canvas")
		before := at()
		p.press(left)
		require.Greater(p.t, at().Left, before.Left+40)
		p.press("+")
		p.stands()
		larger := size()
		p.press("-")
		p.press("-")
		p.stands()
		require.Less(p.t, size(), larger)
		p.press("0")
		p.stands()
		require.Empty(p.t, value[[]string](p, `(() => {
			const c = document.getElementById("canvas").getBoundingClientRect();
			return [...document.querySelectorAll(".node")].filter((e) => {
				const r = e.querySelector(".body").getBoundingClientRect();
				return r.left < c.left || r.right > c.right || r.top < c.top || r.bottom > c.bottom;
			}).map((e) => e.ariaLabel);
		})()`), "all is in sight")
		for range 6 {
			p.press("+")
		}
		p.goesTo(node("East")) // what one goes to comes into sight
		p.stands()
		c, e := p.box("#canvas"), p.box(node("East")+" .body")
		require.True(p.t, e.Left >= c.Left && e.Right <= c.Right && e.Top >= c.Top && e.Bottom <= c.Bottom)
	})
}

func TestEdgesEndAtBordersAndPassOtherNodes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.given("add A 0 0", "add B 200 0", "add C 400 0", "add D 200 200", "connect 1 3", "connect 1 4", "connect 4 1")
		p.stands()
		edges := value[[]struct {
			Label      string
			Start, Tip float64
			Crosses    []string
		}](p, `(() => {
			const boxes = [...document.querySelectorAll(".node")].map((n) => {
				const [x, y] = n.dataset.at.split(" ").map(Number);
				return { name: n.ariaLabel.split(",")[0], id: n.dataset.id, x, y, w: Number(n.querySelector(".body").getAttribute("width")) / 2, h: 20 };
			});
			const outside = (p, b) => Math.max(Math.abs(p.x - b.x) - b.w, Math.abs(p.y - b.y) - b.h);
			return [...document.querySelectorAll(".edge")].map((e) => {
				const line = e.querySelector(".line");
				const length = line.getTotalLength();
				const points = Array.from({ length: 101 }, (_, i) => line.getPointAtLength((length * i) / 100));
				const [from, to] = [e.dataset.from, e.dataset.to].map((id) => boxes.find((b) => b.id === id));
				const tip = e.querySelector(".head").getPointAtLength(0);
				return {
					Label: e.ariaLabel, Start: outside(points[0], from), Tip: outside(tip, to),
					Crosses: boxes.filter((b) => b !== from && b !== to && points.some((p) => outside(p, b) < 0)).map((b) => b.name),
				};
			});
		})()`)
		require.Len(p.t, edges, 3)
		for _, e := range edges {
			require.Empty(p.t, e.Crosses, e.Label)
			require.InDelta(p.t, 0, e.Start, 12, e.Label) // the ends of a node are round
			require.InDelta(p.t, 0, e.Tip, 12, e.Label)
		}
	})
}

func TestTidyUpIsOneStepThatCanBeUndone(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.given("add A 0 0", "add B 10 0", "add C 0 10", "add Lost 5 5", "connect 1 2", "connect 1 3", "connect 2 3")
		places := func() []string {
			return value[[]string](p, `[...document.querySelectorAll(".node")].map((n) => n.dataset.id + ": " + n.dataset.at).sort()`)
		}
		before := places()
		p.press("t", chromedp.ModifierAlt)
		p.until(`document.getElementById("status").textContent.startsWith("You moved ")`)
		p.stands()
		require.Empty(p.t, value[[]string](p, `(() => {
			const boxes = [...document.querySelectorAll(".node .body")].map((e) => e.getBoundingClientRect());
			return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).map((b) => i + " lies on another"));
		})()`))
		p.press("z", chromedp.ModifierCtrl)
		p.until(`document.getElementById("status").textContent.startsWith("You went back to moment 8")`)
		p.stands()
		require.Equal(p.t, before, places())
	})
}

func TestTheStatusSpeaksAsPeopleDoAndIsAlwaysCurrent(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.sees("#status", "You created the graph ")
		p.press("n", chromedp.ModifierAlt)
		p.press("Bern\r")
		p.sees("#status", "You added Bern.")
		p.given("add Chur 300 300")
		p.sees("#status", "Somebody in another window added Chur.")
		p.given("connect 1 2", "remove 2")
		p.sees("#status", "Somebody in another window removed Chur")
		require.NotRegexp(p.t, `_|evaluated|event`, value[string](p, `document.getElementById("status").textContent`))
		p.goesTo("#slider")
		p.press(left)
		p.press(left)
		p.sees("#status", "Moment 4: Somebody in another window connected Bern to Chur.")

		// The machine's words are there for whoever asks.
		require.False(p.t, value[bool](p, `document.getElementById("detail").checkVisibility()`))
		p.goesTo("#details")
		p.press("\r")
		p.sees("#detail", "4 · edge_added")
		p.goesTo("#close-machine")
		p.press(kb.Escape)
		p.until(`!document.getElementById("detail").checkVisibility() && document.activeElement.id === "details"`)
	})
}

func TestCreatingAGraphShowsThatItIsUnderWay(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.goesTo("#theme")
		require.Greater(p.t, value[float64](p, `document.querySelector("#theme use").getBoundingClientRect().width`), 8., "it has an icon")
		was := value[string](p, `document.documentElement.dataset.theme`)
		p.press("\r")
		p.until(`document.documentElement.dataset.theme !== %q`, was)

		p.do(chromedp.Navigate(value[string](p, `location.origin`)))
		p.until(`document.activeElement.id === "name" && document.querySelector("#list a")`)
		value[bool](p, `(() => {
			const real = window.fetch;
			window.fetch = (...wanted) => new Promise((resolve) => { window.answer = () => resolve(real(...wanted)); });
			return true;
		})()`)
		p.press("Slow " + p.t.Name() + "\r")
		p.sees("#progress", "Creating Slow ")
		p.sees("#create button", "Creating …")
		p.press("\r") // once more: it is not created twice
		value[bool](p, `(answer(), true)`)
		p.until(`document.querySelector("h1 #name")?.textContent.startsWith("Slow ")`)

		// The editor says it, too, when an answer takes long.
		value[bool](p, `(() => {
			const real = window.fetch;
			window.fetch = (...wanted) => new Promise((resolve) => { window.answer = () => resolve(real(...wanted)); });
			return true;
		})()`)
		p.press("n", chromedp.ModifierAlt)
		p.press("Bern\r")
		p.sees("#status", "Saving …")
		p.until(`document.getElementById("busy").checkVisibility()`)
		value[bool](p, `(answer(), true)`)
		p.sees("#status", "You added Bern.")
		p.until(`!document.getElementById("busy").checkVisibility()`)
	})
}
