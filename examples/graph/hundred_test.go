package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// hundred is a graph of a hundred nodes that hang together: each is led to from an earlier one,
// some from two.
func hundred() []string {
	var commands []string
	for i := range 100 {
		commands = append(commands, fmt.Sprintf("add Station-%d %d %d", i+1, i%10*150, i/10*90))
	}
	for i := 2; i <= 100; i++ {
		commands = append(commands, fmt.Sprintf("connect %d %d", (i*7919)%(i-1)/2+1, i))
	}
	for i := 41; i <= 100; i += 3 {
		if second := fmt.Sprintf("connect %d %d", 40-i/4, i); !slices.Contains(commands, second) {
			commands = append(commands, second)
		}
	}
	return commands
}

func TestAHundredNodes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		commands := hundred()
		p.given(commands...)
		p.do(chromedp.Reload())
		p.until(`document.querySelectorAll(".node").length === 100`)
		p.stands()
		require.GreaterOrEqual(p.t, value[float64](p, `16 * document.getElementById("world").getScreenCTM().a`), 12., "the names can be read")

		// The lists: a row is one line, and the last one is a key press away.
		p.goesTo("#skip") // nobody has to press Tab two hundred times
		p.press("\r")
		require.Equal(p.t, "tab", value[string](p, `document.activeElement.role`))
		rows := map[bool]int{true: 9, false: 15}[p.isPhone()]
		p.looksAt("nodes")
		require.GreaterOrEqual(p.t, p.inSight("nodes", "#node-rows"), rows)
		require.Less(p.t, value[float64](p, `Math.max(...[...document.querySelectorAll("#node-rows tr")].map((r) => r.offsetHeight))`), 40.)
		p.goesTo("#nodes-panel .scroll")
		p.press(kb.End)
		p.until(`(([box, row]) => row.bottom <= box.bottom + 1)(["#nodes-panel .scroll", "#node-rows tr:last-child"].map((s) => document.querySelector(s).getBoundingClientRect()))`)
		p.press("\x1b") // back to the tabs, past two hundred buttons
		p.looksAt("history")
		require.GreaterOrEqual(p.t, p.inSight("history", "#event-rows"), rows-2)
		p.looksAt("nodes")
		if !p.isPhone() {
			// Whoever selects a node sees its row.
			p.focus(node("Station-57"))
			require.True(p.t, value[bool](p, `(([box, row]) => row.top >= box.top && row.bottom <= box.bottom + 1)(
				["#nodes-panel .scroll", "#node-rows .is-selected"].map((s) => document.querySelector(s).getBoundingClientRect()))`))
		}

		// Tidied up, no node lies on another and no edge runs behind one. It is one command.
		before := p.places()
		p.press("t", chromedp.ModifierAlt)
		p.until(`document.getElementById("status").textContent === "You moved 100 nodes."`)
		require.Empty(p.t, p.overlaps())
		for _, e := range p.edges() {
			require.Empty(p.t, e.Crosses, e.Label)
		}
		p.press("z", chromedp.ModifierCtrl)
		p.sees("#status", "You undid “moved 100 nodes”.")
		p.stands()
		require.Equal(p.t, before, p.places())

		// The slider comes to every moment.
		p.slides(51)
		p.until(`document.querySelectorAll(".node").length === 50`)
		p.sees("#status", "Moment 51: Somebody in another window added Station-50.")
		require.True(p.t, value[bool](p, `Number(document.getElementById("event-count").textContent) > %d`, len(commands)+200))
	})
}

// places returns where all nodes are, as the server says.
func (p *page) places() []string {
	p.t.Helper()
	return value[[]string](p, `[...document.querySelectorAll(".node")].map((n) => n.dataset.id + ": " + n.dataset.at).sort()`)
}
