package editor

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/eventmaestro/maestro/aggregate"
)

// What a graph may hold. The canvas is Width by Height, whatever the size of the window.
const (
	Width      = 1200
	Height     = 680
	MaxNodes   = 500
	MaxEdges   = 5000
	MaxNameLen = 60 // characters
)

// cleanName returns a name without the space around it, or refuses it in words for the person who
// typed it. what is the thing that has the name.
func cleanName(what, name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", aggregate.Reject("Please give the %s a name.", what)
	case utf8.RuneCountInString(name) > MaxNameLen:
		return "", aggregate.Reject("The name of a %s has at most %d characters; this one has %d.",
			what, MaxNameLen, utf8.RuneCountInString(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", aggregate.Reject("The name of a %s is one line of plain text.", what)
	}
	return name, nil
}

// onCanvas refuses a place that nobody could see.
func onCanvas(x, y int) error {
	if x < 0 || x > Width || y < 0 || y > Height {
		return aggregate.Reject("%d, %d is outside of the canvas, which is %d wide and %d high.", x, y, Width, Height)
	}
	return nil
}

// find returns a node, or refuses the command that names it.
func (g Graph) find(id NodeID) (Node, error) {
	n, ok := g.Nodes[id]
	switch {
	case ok:
		return n, nil
	case id > 0 && id <= g.LastNode:
		return n, aggregate.Reject("Node %d is not there any more: it was removed meanwhile.", id)
	}
	return n, aggregate.Reject("There is no node %d.", id)
}
