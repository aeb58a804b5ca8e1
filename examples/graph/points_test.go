package main

import (
	"fmt"
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
		p.goesTo(node("Bern")) // also where it is the first of all
		p.until(`document.getElementById("edge-form").elements.from.selectedOptions[0].text === "Bern"`)
		require.Equal(p.t, []string{"Bern", "Chur"}, chosen())
		require.Equal(p.t, []string{"Chur", "Bernan"}, value[[]string](p, `[...document.getElementById("edge-form").elements.to.options].map((o) => o.text)`))
		p.goesTo(node("Bernan"))
		p.until(`document.getElementById("edge-form").elements.from.selectedOptions[0].text === "Bernan"`)
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
		for i := range 8 { // so that the numbers of nodes and of moments get a digit less on the way
			p.given(fmt.Sprintf("add N%d %d 300", i, 150*i))
		}
		p.given("add Bern 60 60", "add Chur 200 200", "connect 9 10", "move 9 100 120", "remove 10")
		p.until(`document.getElementById("moment").textContent === "15 of 15"`)
		p.stands()
		value[bool](p, `(() => {
			window.went = []; // the classes of what fades out
			new MutationObserver((all) => all.forEach((m) => m.target.classList.contains("gone") && went.push(m.target.getAttribute("class"))))
				.observe(document.getElementById("world"), { subtree: true, attributes: true, attributeFilter: ["class"] });
			return true;
		})()`)
		p.goesTo("#slider")
		p.stands()
		// Every element but those of the graph, the rows of the lists, what is selected and the
		// words that stand for the tools.
		value[bool](p, `(() => {
			const all = [...document.querySelectorAll("body *:not(#world *, tbody *, #past-text, #past-text *, #selection, #selection *, #nothing, #selected-edge, #detail *, option)")];
			const places = () => all.map((e) => {
				const { x, y, width, height } = e.getBoundingClientRect();
				return [x, y, ...(e.matches("#world, tbody, table") ? [] : [width, height])].join();
			});
			const still = places();
			const view = document.getElementById("world").getAttribute("transform");
			window.shifted = () => [
				...places().flatMap((at, i) => (at === still[i] || all[i].matches("#world") ? [] : all[i].outerHTML.slice(0, 80) + " was at " + still[i] + ", is at " + at)),
				...(view === document.getElementById("world").getAttribute("transform") ? [] : ["the view"]),
			];
			return true;
		})()`)
		marked := func(want string) {
			p.t.Helper()
			p.until(`[...document.querySelectorAll(".node.is-changed, .edge.is-changed, #marks > *")].map((e) => e.ariaLabel?.split(",")[0] ?? e.getAttribute("class")).join() === %q`, want)
			require.Empty(p.t, value[[]string](p, `shifted()`), want)
		}
		for _, step := range []struct{ key, moment, changed string }{
			{left, "14 of 15", "was"},
			{left, "13 of 15", "trail,origin,Bern"},
			{left, "12 of 15", "Edge from Bern to Chur"},
			{left, "11 of 15", "Chur"},
			{left, "10 of 15", "Bern"},
			{left, "9 of 15", "N7"},
			{right, "10 of 15", "Bern"},
			{right, "11 of 15", "Chur"},
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
		require.Empty(p.t, value[[]string](p, `shifted()`))
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
		for _, l := range []struct{ list, rows string }{{"nodes", "#node-rows"}, {"history", "#event-rows"}} {
			p.looksAt(l.list)
			require.GreaterOrEqual(p.t, p.inSight(l.list, l.rows), least, l.list)
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
		p.stands()
		first := size()
		p.press("+")
		p.stands()
		larger := size()
		require.Greater(p.t, larger, first)
		p.press("-")
		p.press("-") // in the middle of what the first one does
		p.stands()
		require.InEpsilon(p.t, first*first/larger, size(), 0.01, "each counts in full")
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
		p.until(`(() => {
			const c = document.getElementById("canvas").getBoundingClientRect();
			const e = document.querySelector(%q).getBoundingClientRect();
			return e.left >= c.left && e.right <= c.right && e.top >= c.top && e.bottom <= c.bottom;
		})()`, node("East")+" .body")

		// Nobody is left alone with an empty canvas.
		isLost := func() bool { return value[bool](p, `document.getElementById("lost").checkVisibility()`) }
		require.False(p.t, isLost())
		p.goesTo("#canvas")
		for range 12 {
			p.press(kb.ArrowUp)
			p.stands()
		}
		require.True(p.t, isLost())
		p.isAccessible("the graph is elsewhere")
		p.press("\t", chromedp.ModifierShift)
		require.Equal(p.t, "lost", value[string](p, `document.activeElement.id`))
		p.press("\r")
		p.stands()
		require.False(p.t, isLost())
		require.True(p.t, value[bool](p, `document.activeElement.id === "canvas"`))
	})
}

func TestEdgesEndAtBordersAndPassOtherNodes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.given("add A 0 0", "add B 200 0", "add C 400 0", "add D 200 200", "connect 1 3", "connect 1 4", "connect 4 1")
		require.Len(p.t, p.edges(), 3)
		// West has a roof, a floor and a wall: no curve gets out, and the edges go around corners.
		p.given("add Roof-as-long-as-names-can-be 180 330", "add Floor-as-long-as-names-can-be 180 450", "add Wall 290 390",
			"add West 100 390", "add East 500 390", "connect 8 9", "connect 9 8")
		p.until(`document.querySelectorAll(".edge").length === 5`)
		for _, e := range p.edges() {
			require.Empty(p.t, e.Crosses, e.Label)
			require.InDelta(p.t, 2, e.Start, 0.7, e.Label)
			require.InDelta(p.t, 4, e.Tip, 0.7, e.Label)
		}
		// An edge that went is marked where it was.
		p.given("remove 8")
		p.goesTo("#slider")
		p.press(left)
		p.until(`document.querySelector("#marks .was path")`)
		was := value[string](p, `document.querySelector("#marks .was path").getAttribute("d")`)
		p.press(left)
		p.until(`document.querySelector("[aria-label='Edge from East to West'] .line")?.getAttribute("d") === %q`, was)
	})
}

func TestNothingIsPutOnAnother(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 300, 300)
	p.adds("Chur", 300, 335) // below the first, but too near for a second
	p.adds("Genf", 600, 300)
	require.Empty(t, p.overlaps())
	p.drag(600, 300, 310, 300)
	p.sees("#status", "You moved Genf.")
	require.Empty(t, p.overlaps())
	// Whoever asks for it by numbers gets it; the selected one lies in front.
	p.enters("#selection [name=x]", "300")
	p.enters("#selection [name=y]", "300")
	p.until(`document.querySelector(%q).dataset.at === "300 300"`, node("Genf"))
	require.Equal(t, []string{"Genf"}, value[[]string](p, `[...document.querySelectorAll("#front use")].map((e) => document.querySelector(e.getAttribute("href")).querySelector("text").textContent)`))
}

func TestTidyUpIsOneStepThatCanBeUndone(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.given("add A 0 0", "add B 10 0", "add C 0 10", "add Lost 5 5", "connect 1 2", "connect 1 3", "connect 2 3")
		before := p.places()
		p.press("t", chromedp.ModifierAlt)
		p.until(`document.getElementById("status").textContent.startsWith("You moved ")`)
		p.stands()
		require.Empty(p.t, p.overlaps())
		p.press("z", chromedp.ModifierCtrl)
		p.until(`document.getElementById("status").textContent.startsWith("You undid “moved ")`)
		p.stands()
		require.Equal(p.t, before, p.places())
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
