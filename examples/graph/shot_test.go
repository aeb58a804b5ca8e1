package main

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func TestShot(t *testing.T) {
	url := start(t)
	p := visit(t, url)
	p.creates(url, "Trains")
	p.creates(url, "Kitchen")
	shot := func(name string, scheme string) {
		p.prefers(scheme)
		b, err := p.picture()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("/tmp/shots/"+name+"-"+scheme+".png", b, 0o644))
	}
	for _, n := range []struct {
		n    string
		x, y int
	}{{"Hamburg", 480, 90}, {"Berlin", 860, 150}, {"Köln", 240, 330}, {"Frankfurt am Main", 450, 420}, {"Leipzig", 780, 330}, {"München", 690, 600}} {
		p.adds(n.n, n.x, n.y)
	}
	for _, e := range [][2]string{{"Hamburg", "Berlin"}, {"Hamburg", "Köln"}, {"Köln", "Frankfurt am Main"}, {"Berlin", "Leipzig"}, {"Leipzig", "Berlin"}, {"Leipzig", "München"}, {"Frankfurt am Main", "München"}, {"Frankfurt am Main", "Leipzig"}} {
		p.connects(e[0], e[1])
	}
	shot("editor", "light")
	shot("editor", "dark")
	value[bool](p, `(() => {const s=document.getElementById("slider"); s.value=9; return s.dispatchEvent(new Event("input"))})()`)
	p.sees("#past-text", "event 9")
	shot("past", "light")
	shot("past", "dark")
	p.click("#to-now")
	p.focus(node("Köln"))
	p.press("c")
	p.press("\r")
	p.sees(".complaint", "itself")
	shot("complaint", "light")
	p.do(chromedp.Navigate(url))
	p.enters("#name", "Trains")
	p.sees(".complaint", "Another")
	shot("home", "light")
	shot("home", "dark")
}
