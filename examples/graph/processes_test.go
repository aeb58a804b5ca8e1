package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

// together shows one graph in two tabs, each served by a process of its own on one Postgres.
func together(t *testing.T, name string, otherArgs ...string) (one, other *page) {
	t.Helper()
	database, _ := pgtest.Schema(t)
	first := start(t, "-database", database)
	second := start(t, append([]string{"-database", database}, otherArgs...)...)
	one = visit(t, first)
	one.creates(first, name)
	other = visit(t, second)
	other.sees("#list", name)
	other.click("#list a")
	other.until(`document.querySelector("#name")?.textContent === %q`, name)
	return one, other
}

func TestTwoProcessesShowEachOthersChanges(t *testing.T) {
	t.Parallel()
	one, other := together(t, "Shared")
	one.adds("Bern", 200, 200)
	other.holds("#node-rows", "Bern")
	other.sees("#status.is-theirs", "Somebody in another process added Bern.")
	other.drag(200, 200, 500, 400)
	one.until(`document.querySelector(%q).dataset.at === "500 400"`, node("Bern"))
	one.until(`document.querySelector(".node.is-new")`)  // what others did is marked …
	one.until(`!document.querySelector(".node.is-new")`) // … for a moment, not whenever it is looked at again

	// What somebody is typing stays, whatever comes in.
	one.clickAt(500, 400, 1)
	one.focus("#selection [name=name]")
	one.press("heim")
	other.drag(500, 400, 700, 300)
	one.until(`document.querySelector("#selection [name=x]").value === "700"`)
	require.Equal(t, "Bernheim", value[string](one, `document.querySelector("#selection [name=name]").value`))
	one.press("\r")
	other.holds("#node-rows", "Bernheim")

	one.click("#name")
	one.enters(".inplace", "Ours")
	other.until(`document.title === "Ours · Maestro"`)
	require.Equal(t, 2, value[int](other, `new Set([...document.querySelectorAll("#event-rows .process")].map((e) => e.title)).size`),
		"the history says which process it was")

	// Who looks at the past keeps looking at it, while the present goes on.
	other.slides(1)
	one.adds("Chur", 800, 100)
	other.until(`document.getElementById("moment").textContent === "1 of 7"`)
	require.Equal(t, 0, value[int](other, `document.querySelectorAll(".node").length`))
	other.click("#to-now")
	other.until(`document.querySelectorAll(".node").length === 2`)
}

func TestThePageSaysThatACommandWasEvaluatedAgain(t *testing.T) {
	t.Parallel()
	one, other := together(t, "Shared")
	one.adds("Bern", 200, 200)
	require.Equal(t, "1", value[string](one, `document.getElementById("status").dataset.attempts`))
	other.holds("#node-rows", "Bern")
	other.adds("Chur", 600, 200)
	one.holds("#node-rows", "Chur")
	// What the first process holds in memory is one event old now, whatever its page shows.
	one.adds("Genf", 400, 500)
	one.sees("#status.is-again", "You added Genf. Another process was first, so it was decided again; nothing was lost.")
	one.click("#details")
	one.sees("#detail", "add_node, evaluated 2 times")
	require.Equal(t, "2", value[string](one, `document.getElementById("status").dataset.attempts`))
	other.until(`document.querySelectorAll(".node").length === 3`)
}

func TestOfTwoWhoDrawAtOnceNoneLosesAnything(t *testing.T) {
	t.Parallel()
	one, other := together(t, "Crowded")
	const each = 8
	for _, p := range []*page{one, other} {
		// All at once, not one after the other as fast as a person can.
		value[bool](p, `(() => { for (let n = 0; n < %d; n++) document.getElementById("add").click(); return true; })()`, each)
		p.press("\r") // the others were left for the next one
	}
	for _, p := range []*page{one, other} {
		p.until(`document.querySelectorAll(".node").length === %d`, 2*each)
		require.Equal(t, 2*each+1, value[int](p, `document.querySelectorAll("#event-rows tr").length`))
		require.Empty(t, value[string](p, `document.getElementById("complaint")?.textContent ?? ""`))
	}
}

func TestAStalePageIsToldBesideTheButton(t *testing.T) {
	t.Parallel()
	one, other := together(t, "Shared", "-poll", "1h") // the second page hears of nothing
	other.adds("Bern", 200, 200)
	one.holds("#node-rows", "Bern")
	one.adds("Chur", 600, 200)
	other.click("#undo")
	other.complains("#undo", "The graph has changed since you looked: you saw event 2, it is at 3. Nothing was done")
	other.until(`document.querySelectorAll(".node").length === 2`) // and it looks again by itself
	other.click("#undo")
	one.until(`![...document.querySelectorAll(".node text")].some((e) => e.textContent === "Chur")`)
}

func TestAPageOutlivesItsProgram(t *testing.T) {
	t.Parallel()
	database, _ := pgtest.Schema(t)
	url, stop := program(t, "-database", database)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	stop()
	p.sees("#status.is-trouble", "The program does not answer; trying again")
	p.click("#add")
	p.press("\r") // sent again and again, and carried out once
	start(t, "-database", database, "-listen", strings.TrimPrefix(url, "http://"))
	p.holds("#node-rows", "Node 2")
	p.adds("Chur", 600, 300)
	p.until(`!document.querySelector("#status.is-trouble")`)
	require.Equal(t, 3, value[int](p, `document.querySelectorAll(".node").length`))
}

func TestACommandWhoseAnswerGotLostIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	value[bool](p, `(() => {
		const real = window.fetch;
		let lost = 0;
		window.fetch = async (path, options) => {
			const response = await real(path, options);
			if (options.method === "POST" && lost++ < 2) throw new TypeError("the connection broke");
			return response;
		};
		return true;
	})()`)
	p.click("#add")
	p.press("\r")
	p.sees("#status", "You added Node 1.")
	require.Equal(t, 1, value[int](p, `document.querySelectorAll(".node").length`))
}

func TestAPageWhoseGraphIsGoneSaysSo(t *testing.T) {
	t.Parallel()
	url, stop := program(t) // in memory
	p := visit(t, url)
	p.creates(url, "Rail")
	stop()
	start(t, "-listen", strings.TrimPrefix(url, "http://"))
	p.sees("#status.is-trouble", "There is no such graph. In memory, graphs last as long as the program runs.")
	p.click("#add")
	p.press("\r")
	p.complains(".inplace", "There is no such graph.")
}

func TestATabInTheBackgroundKeepsNoConnection(t *testing.T) {
	t.Parallel()
	one, other := together(t, "Shared")
	witness := visit(t, value[string](other, `location.href`))
	witness.until(`document.querySelector("#name")?.textContent === "Shared"`)
	other.shows("hidden")
	one.adds("Bern", 200, 200)
	witness.holds("#node-rows", "Bern")
	one.adds("Chur", 600, 200)
	witness.holds("#node-rows", "Chur") // so a whole turn of the same process' streams went by
	require.Equal(t, "1 of 1", value[string](other, `document.getElementById("moment").textContent`))
	other.shows("visible")
	other.holds("#node-rows", "Chur")
}

// shows makes the page believe that its tab went to the background or came back.
func (p *page) shows(state string) {
	p.t.Helper()
	value[bool](p, `(() => {
		Object.defineProperty(document, "hidden", { value: %q === "hidden", configurable: true });
		return document.dispatchEvent(new Event("visibilitychange"));
	})()`, state)
}
