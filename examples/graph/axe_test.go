package main

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// axe is axe-core 4.14.1, from npm, as it came; its licences lie beside it.
const axe = "testdata/axe.min.js"

// isAccessible expects axe-core to find nothing: every rule that axe-core has on, on the page as it
// is now.
func (p *page) isAccessible(what string) {
	p.t.Helper()
	if !value[bool](p, `Boolean(window.axe)`) {
		script, err := os.ReadFile(axe)
		require.NoError(p.t, err)
		_, err = evaluate[bool](p, "%s;\ntrue", script)
		require.NoError(p.t, err)
	}
	p.stands()
	// What fades in has not got its colours yet.
	p.until(`document.getAnimations().every((a) => a.playState !== "running" || a.effect.getComputedTiming().iterations === Infinity)`)
	assert.Empty(p.t, value[[]string](p, `axe.run(document, { rules: { "target-size": { enabled: true } } }).then(({ violations }) => violations.flatMap((v) =>
		v.nodes.map((n) => v.id + ": " + v.help + ": " + n.html.slice(0, 160) + " " + n.failureSummary)))`), what)
	require.Greater(p.t, value[int](p, `axe.run(document, { resultTypes: ["passes"] }).then(({ passes }) => passes.length)`), 10, "it looked")
}

func TestAxeFindsNothing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(p *page) {
		p.isAccessible("an empty graph")
		p.given("add Bern 60 60", "add Chur 250 200", "connect 1 2", "connect 2 1", "move 1 100 120")
		p.goesTo(node("Bern"))
		p.isAccessible("a selected node")
		p.press("c", chromedp.ModifierAlt)
		p.isAccessible("connecting")
		p.press("\r")
		p.complains(node("Bern"), "itself")
		p.isAccessible("a refusal")
		p.press("\r")
		p.until(`document.activeElement.matches(".inplace")`)
		p.isAccessible("a name being typed")
		p.press("\x1b")
		for _, list := range []string{"edges", "history", "nodes"} {
			p.looksAt(list)
			p.isAccessible(list)
		}
		if p.isPhone() {
			p.press("\x1b")
		} else {
			p.goesTo("#help")
			p.press("\r")
			p.isAccessible("the help")
			p.press("\x1b")
		}
		p.goesTo("#slider")
		p.press(left)
		p.until(`document.body.classList.contains("is-past")`)
		p.goesTo("#details")
		p.press("\r")
		p.isAccessible("the past, in the machine's words")
		p.do(chromedp.Navigate(value[string](p, `location.origin`)))
		p.sees("#list", p.t.Name())
		p.isAccessible("all graphs")
	})
}
