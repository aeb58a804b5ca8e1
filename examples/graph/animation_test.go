package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// animation is the picture that the READMEs begin with: two processes, one slider.
const animation = "animation.gif"

// The picture is renewed by go test -run TestTwoProcessesAndOneSlider -update.
func TestTwoProcessesAndOneSlider(t *testing.T) {
	t.Parallel()
	if *update {
		f := &film{t: t}
		f.play()
		f.save(animation)
	}
	kept, err := os.ReadFile(animation)
	require.NoError(t, err)
	require.Less(t, len(kept), 1<<20)
	all, err := gif.DecodeAll(bytes.NewReader(kept))
	require.NoError(t, err)
	require.Greater(t, len(all.Image), 20)
	require.Equal(t, 0, all.LoopCount, "it goes on for ever")
	for readme, path := range map[string]string{"README.md": animation, "../../README.md": "examples/graph/" + animation} {
		text, err := os.ReadFile(readme)
		require.NoError(t, err)
		require.Regexp(t, `^# .*\n\n!\[[^\]]+\]\(`+path+`\)\n`, string(text), "%s begins with it", readme)
	}
}

// film is what two people see, side by side.
type film struct {
	t          *testing.T
	one, other *page
	frames     []*image.RGBA
	delays     []int // hundredths of a second
}

const (
	screenWide = 460
	screenHigh = 620
	apart      = 12 // between the two, and around them
)

func (f *film) play() {
	f.one, f.other = together(f.t, "Night trains")
	for _, p := range []*page{f.one, f.other} {
		p.do(chromedp.EmulateViewport(screenWide, screenHigh), chromedp.Reload()) // the drawing begins at the corner
		p.until(`document.querySelector("h1 #name")?.textContent === "Night trains"`)
		p.stands()
	}
	f.shot(100)
	f.names(f.one, "Bern", 110, 90)
	f.names(f.other, "Chur", 340, 120)
	f.names(f.one, "Genf", 200, 270)
	for _, e := range []struct {
		p        *page
		from, to string
		edges    int
	}{{f.one, "Bern", "Chur", 1}, {f.other, "Chur", "Genf", 2}, {f.one, "Genf", "Bern", 3}} {
		e.p.connects(e.from, e.to)
		f.both(`document.querySelectorAll(".edge").length === %d`, e.edges)
		f.shot(60)
	}
	f.drags(f.other, "Genf", 200, 270, 300, 235)
	f.travels(f.one)
	f.one.click("#to-now")
	f.one.until(`!document.body.classList.contains("is-past")`)
	f.one.stands()
	f.shot(220)
}

// both waits for both to see something.
func (f *film) both(format string, args ...any) {
	for _, p := range []*page{f.one, f.other} {
		p.until(format, args...)
		p.stands()
	}
}

// names has somebody add a node and type its name, letter by letter.
func (f *film) names(p *page, name string, x, y int) {
	p.clickAt(x, y, 2)
	p.until(`document.activeElement.matches(".inplace")`)
	for _, letter := range name {
		p.press(string(letter))
		f.shot(14)
	}
	p.press("\r")
	f.both(`document.querySelector(%q)`, node(name))
	f.shot(70)
}

// drags has somebody pull a node to another place, while the other looks on.
func (f *film) drags(p *page, name string, x, y, toX, toY int) {
	const steps = 6
	from, to := p.at(x, y), p.at(toX, toY)
	mouse := func(kind input.DispatchMouseEventType, at point) {
		event := input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y, Button: input.MouseButtonLeft, ClickCount: 1}
		_, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, event)
		require.NoError(f.t, err)
	}
	mouse(input.DispatchMouseEventTypeMousePressed, from)
	for i := 1.0; i <= steps; i++ {
		mouse(input.DispatchMouseEventTypeMouseMoved, point{from.X + (to.X-from.X)*i/steps, from.Y + (to.Y-from.Y)*i/steps})
		f.shot(8)
	}
	mouse(input.DispatchMouseEventTypeMouseReleased, to)
	f.both(`document.getElementById("moment").textContent === "8 of 8"`)
	f.shot(100)
}

// travels has somebody go through the whole history with the slider. The other one stays in the
// present.
func (f *film) travels(p *page) {
	p.focus("#slider")
	for moment := 7; moment >= 1; moment-- {
		p.press(kb.ArrowLeft)
		f.moment(p, moment, 34)
	}
	for moment := 2; moment <= 7; moment++ {
		p.press(kb.ArrowRight)
		f.moment(p, moment, 50)
	}
}

func (f *film) moment(p *page, moment, delay int) {
	p.until(`document.getElementById("moment").textContent === "%d of 8" && document.getElementById("status").textContent.startsWith("Moment %d:")`, moment, moment)
	f.shot(5) // on the way
	p.stands()
	p.until(`!document.querySelector(".gone") && document.getAnimations().length === 0`)
	f.shot(delay)
}

// shot takes one frame.
func (f *film) shot(delay int) {
	frame := image.NewRGBA(image.Rect(0, 0, 2*screenWide+3*apart, screenHigh+2*apart))
	draw.Draw(frame, frame.Bounds(), image.NewUniform(color.RGBA{0xc9, 0xd2, 0xe4, 0xff}), image.Point{}, draw.Src)
	for i, p := range []*page{f.one, f.other} {
		raw, err := p.picture()
		require.NoError(f.t, err)
		screen, err := png.Decode(bytes.NewReader(raw))
		require.NoError(f.t, err)
		at := image.Pt(apart+i*(screenWide+apart), apart)
		draw.Draw(frame, image.Rectangle{at, at.Add(image.Pt(screenWide, screenHigh))}, screen, image.Point{}, draw.Src)
	}
	f.frames = append(f.frames, frame)
	f.delays = append(f.delays, delay)
}

// save writes the frames, each with no more than what changed since the one before.
func (f *film) save(path string) {
	colours := f.palette()
	nearest := map[color.RGBA]uint8{}
	index := func(c color.RGBA) uint8 {
		i, ok := nearest[c]
		if !ok {
			i = uint8(colours[1:].Index(c) + 1)
			nearest[c] = i
		}
		return i
	}
	out := &gif.GIF{}
	for i, frame := range f.frames {
		area := frame.Bounds()
		if i > 0 {
			area = changed(f.frames[i-1], frame)
		}
		if area.Empty() { // the one before stays longer
			out.Delay[len(out.Delay)-1] += f.delays[i]
			continue
		}
		shown := image.NewPaletted(area, colours)
		for y := area.Min.Y; y < area.Max.Y; y++ {
			for x := area.Min.X; x < area.Max.X; x++ {
				if c := frame.RGBAAt(x, y); i == 0 || c != f.frames[i-1].RGBAAt(x, y) {
					shown.SetColorIndex(x, y, index(c))
				}
			}
		}
		out.Image = append(out.Image, shown)
		out.Delay = append(out.Delay, f.delays[i])
		out.Disposal = append(out.Disposal, gif.DisposalNone)
	}
	var raw bytes.Buffer
	require.NoError(f.t, gif.EncodeAll(&raw, out))
	require.NoError(f.t, os.WriteFile(path, raw.Bytes(), 0o644))
}

// palette is the colours that are there most, after one that is transparent.
func (f *film) palette() color.Palette {
	seen := map[color.RGBA]int{}
	for _, frame := range f.frames {
		for y := range frame.Rect.Dy() {
			for x := range frame.Rect.Dx() {
				seen[frame.RGBAAt(x, y)]++
			}
		}
	}
	var all []color.RGBA
	for c := range seen {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int { return seen[b] - seen[a] })
	palette := color.Palette{color.RGBA{}}
	for _, c := range all[:min(len(all), 255)] {
		palette = append(palette, c)
	}
	return palette
}

// changed is the part of a frame that differs from the one before.
func changed(before, after *image.RGBA) image.Rectangle {
	var area image.Rectangle
	for y := range after.Rect.Dy() {
		for x := range after.Rect.Dx() {
			if before.RGBAAt(x, y) != after.RGBAAt(x, y) {
				area = area.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return area
}
