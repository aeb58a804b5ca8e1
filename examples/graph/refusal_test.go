package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// complains expects a message right below the element that it is about.
func (p *page) complains(selector, text string) {
	p.t.Helper()
	p.sees("#complaint[role=alert]", text)
	p.until(`(() => {
		const at = document.querySelector(%q).getBoundingClientRect();
		const own = document.getElementById("complaint").getBoundingClientRect();
		return Math.abs(own.top - at.bottom) < 12 && own.left < at.right && own.right > at.left;
	})()`, selector)
}

func TestADuplicateNameIsRefusedBesideTheField(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.do(chromedp.Navigate(url))
	p.sees("#list", "Rail")
	p.enters("#name", "Rail")
	p.complains("#name", "Another graph has this name. Please choose another one.")
	require.Equal(t, []string{"true", "complaint"}, value[[]string](p, `["aria-invalid", "aria-describedby"].map((a) => document.getElementById("name").getAttribute(a))`))
	p.press("way")
	p.until(`!document.getElementById("complaint")`)
	p.press("\r")
	p.until(`document.querySelector("#name")?.textContent === "Railway"`)

	// Renaming in place: the field stays open with what was typed, until one leaves it.
	p.click("#name")
	p.enters(".inplace", "Rail")
	p.complains(".inplace", "Another graph has this name.")
	require.Equal(t, "Rail", value[string](p, `document.querySelector(".inplace").value`))
	p.click("#canvas")
	p.complains("#name", "Another graph has this name.")
	p.click("#name")
	p.press("Rail" + kb.Escape)
	p.until(`!document.querySelector(".inplace") && !document.getElementById("complaint")`)
	require.Equal(t, "Railway", value[string](p, `document.getElementById("name").textContent`))
}

func TestWhatIsRefusedOnTheCanvasIsSaidThere(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Rail")
	p.adds("Bern", 200, 200)
	p.adds("Chur", 600, 200)
	p.connects("Bern", "Chur")
	p.focus(node("Bern"))
	p.press("c", chromedp.ModifierAlt)
	p.focus(node("Chur"))
	p.press("\r")
	p.complains(node("Chur"), `"Bern" is connected to "Chur" already.`)
	p.press("c", chromedp.ModifierAlt)
	p.press("\r")
	p.complains(node("Chur"), `"Chur" can't be connected to itself.`)
	p.press("\r")
	p.enters(".inplace", "   ")
	p.complains(".inplace", "Please give the node a name.")
	p.press(kb.Escape)
	p.enters("#selection [name=y]", "\b")
	p.complains("#selection [name=y]", "Please give a number.")
	p.enters("#selection [name=y]", "200")
	p.enters("#selection [name=x]", "7000")
	p.complains("#selection [name=x]", "outside of the canvas")
	require.Equal(t, "600 200", p.place("Chur"))
}

func TestAGraphThatIsNotThereIsSaidSo(t *testing.T) {
	t.Parallel()
	url := start(t)
	p := visit(t, url+"/graphs/2026-01-01T00:00:00.000Z-0000-00000000000000AA")
	p.sees("#missing-text", "There is no such graph.")
	p.until(`!document.getElementById("editor").checkVisibility()`)
}
