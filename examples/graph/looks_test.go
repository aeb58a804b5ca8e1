package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"image/png"
	"os"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "renew the pictures in the README")

// drawn shows a graph that two processes drew, the second of them second.
func drawn(t *testing.T) *page {
	t.Helper()
	one, other := together(t, "Night trains")
	one.do(chromedp.EmulateViewport(1280, 860), chromedp.Reload()) // the drawing begins at the corner
	one.until(`document.querySelector("h1 #name")?.textContent === "Night trains"`)
	for _, n := range []struct {
		name string
		x, y int
	}{{"Hamburg", 420, 70}, {"Berlin", 760, 130}, {"Köln", 130, 240}, {"Frankfurt am Main", 360, 390}, {"Leipzig", 690, 310}} {
		one.adds(n.name, n.x, n.y)
	}
	for _, e := range [][2]string{{"Hamburg", "Berlin"}, {"Hamburg", "Köln"}, {"Köln", "Frankfurt am Main"}, {"Berlin", "Leipzig"}, {"Leipzig", "Berlin"}} {
		one.connects(e[0], e[1])
	}
	other.holds("#edge-rows", "Leipzig")
	other.adds("München", 560, 530)
	other.connects("Frankfurt am Main", "München")
	one.until(`document.querySelectorAll(".edge").length === 6`)
	one.connects("Leipzig", "München")
	one.sees("#status", "so it was decided again")
	one.opens("history")
	one.until(`document.getAnimations().length === 0`)
	return one
}

// The pictures in the README are these; go test -run TestThePageIsWorthAPicture -update renews
// them.
func TestThePageIsWorthAPicture(t *testing.T) {
	t.Parallel()
	p := drawn(t)
	for scheme, file := range map[string]string{"light": "screenshot.png", "dark": "screenshot-dark.png"} {
		p.prefers(scheme)
		picture, err := p.picture()
		require.NoError(t, err)
		image, err := png.DecodeConfig(bytes.NewReader(picture))
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(file, picture, 0o644))
		}
		kept, err := os.Open(file)
		require.NoError(t, err)
		defer kept.Close()
		old, err := png.DecodeConfig(kept)
		require.NoError(t, err)
		require.Equal(t, [2]int{image.Width, image.Height}, [2]int{old.Width, old.Height}, "%s is another page's: use -update", file)
	}
}

func TestColoursFollowTheSystemUntilSomebodyChooses(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	colour := func() string { return value[string](p, `getComputedStyle(document.body).backgroundColor`) }
	p.prefers("light")
	light := colour()
	p.prefers("dark")
	require.NotEqual(t, light, colour())
	p.click("#theme")
	p.until(`document.documentElement.dataset.theme === "light"`)
	require.Equal(t, light, colour())
	p.do(chromedp.Reload())
	p.until(`document.documentElement.dataset.theme === "light"`)
}

// contrasts lists the texts that stand out less from what is behind them than WCAG's level AA asks.
const contrasts = `(() => {
	const rgb = (c) => c.match(/[\d.]+/g).map(Number);
	const light = (c) => {
		const [r, g, b] = rgb(c).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = getComputedStyle(e).backgroundColor;
			if ((rgb(c)[3] ?? 1) === 1) return c;
		}
		return "rgb(255, 255, 255)";
	};
	const hasText = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
	return [...document.body.querySelectorAll("*:not(svg *, script, option)")]
		.filter((e) => hasText(e) && e.checkVisibility() && !e.disabled && !e.closest(".is-later"))
		.map((e) => {
			const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
			return [(a + 0.05) / (b + 0.05), e];
		})
		.filter(([ratio]) => ratio < 4.5)
		.map(([ratio, e]) => ratio.toFixed(2) + " " + e.outerHTML.slice(0, 90));
})()`

func TestEveryTextCanBeReadInBothColours(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Chur", 500, 200)
	p.adds("Bern", 200, 200)
	p.press("c", chromedp.ModifierAlt)
	p.press("\r")
	p.complains(node("Bern"), "itself")
	for _, scheme := range []string{"light", "dark"} {
		p.prefers(scheme)
		require.Empty(t, value[[]string](p, "%s", contrasts), scheme)
	}
	p.slides(1)
	for _, scheme := range []string{"light", "dark"} {
		p.prefers(scheme)
		require.Empty(t, value[[]string](p, "%s", contrasts), scheme)
	}
}

// What a screen reader says of a control is its name; a control without one is not there.
func TestEveryControlHasAName(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.controls()
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	p.adds("Chur", 600, 200)
	p.connects("Bern", "Chur")
	names := p.controls()
	require.Contains(t, names, "Bern, 200 across, 200 down, leads to Chur")
	require.Contains(t, names, "Edge from Bern to Chur")
	require.Contains(t, names, "Remove node Bern")
	require.Contains(t, names, "Moment in the history")
}

// controls returns the names of all controls.
func (p *page) controls() []string {
	p.t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(p.t, err)
	var names []string
	for _, n := range tree.Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		switch string(n.Role.Value) {
		case `"button"`, `"textbox"`, `"combobox"`, `"slider"`, `"spinbutton"`, `"link"`:
			require.NotNil(p.t, n.Name)
			var name string
			require.NoError(p.t, json.Unmarshal(n.Name.Value, &name))
			require.Regexp(p.t, `\pL`, name, "a %s without a name that can be said", n.Role.Value)
			names = append(names, name)
		}
	}
	require.NotEmpty(p.t, names)
	return names
}

func TestTheEditorFitsASmallWindow(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	for _, size := range [][2]int64{{360, 640}, {768, 1024}, {844, 390}, {1024, 700}, {2200, 1200}} {
		p.do(chromedp.EmulateViewport(size[0], size[1]))
		// Nothing sticks out of the window, or of the card that it is in, where it could not be
		// pressed.
		require.Empty(t, value[[]string](p, `[...document.querySelectorAll("body *:not(.scroll *, svg *)")].filter((e) => e.checkVisibility()).filter((e) => {
			const own = e.getBoundingClientRect();
			const card = e.matches("button, input") && !e.closest(".sheet") ? e.closest(".card")?.getBoundingClientRect() : undefined;
			return own.right > innerWidth + 1 || own.right > (card?.right ?? Infinity) || own.bottom > (card?.bottom ?? Infinity);
		}).map((e) => e.outerHTML.slice(0, 90))`), "at %d", size[0])
		require.True(t, value[bool](p, `document.getElementById("canvas").getBoundingClientRect().width > %d / 3`, size[0]))
		require.Greater(t, value[float64](p, `document.getElementById("canvas").getBoundingClientRect().height`), 180., size)
	}
}
