package editor

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/eventmaestro/maestro/aggregate"
)

// What a graph may hold. The canvas reaches from -ReachX to ReachX across and from -ReachY to
// ReachY down: room for MaxNodes, with some to spare on each side of where a drawing begins.
const (
	ReachX     = 6000
	ReachY     = 4000
	MaxNodes   = 500
	MaxEdges   = 5000
	MaxNameLen = 60 // characters
)

// cleanName returns a name without the space around it and with one space where there were more,
// which nobody could tell apart. Or it refuses the name in words for the person who typed it. what
// is the thing that has the name.
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
	return strings.Join(strings.Fields(name), " "), nil
}

// onCanvas refuses a place that nobody could see.
func onCanvas(x, y int) error {
	if x < -ReachX || x > ReachX || y < -ReachY || y > ReachY {
		return aggregate.Reject("%d, %d is outside of the canvas, which goes from %d, %d to %d, %d.", x, y, -ReachX, -ReachY, ReachX, ReachY)
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

// named returns the node that has a name, 0 if none has.
func (g Graph) named(name string) NodeID {
	for id, n := range g.Nodes {
		if n.Name == name {
			return id
		}
	}
	return 0
}

// nodeName returns a name that the node with an id can take, or refuses it. Names are unique within
// their graph: lists and screen readers have nothing else to tell nodes apart by. One graph is all
// a handler sees, and here it is all it needs to; of graphs among each other, see [Names].
func (g Graph) nodeName(id NodeID, name string) (string, error) {
	name, err := cleanName("node", name)
	if err != nil {
		return "", err
	}
	if other := g.named(name); other != 0 && other != id {
		return "", aggregate.Reject("There is a node %q already. Please choose another name.", name)
	}
	return name, nil
}

// freeName returns a name for a node that nobody named: its id, or the next number that is free.
func (g Graph) freeName(id NodeID) string {
	for ; ; id++ {
		if name := fmt.Sprintf("Node %d", id); g.named(name) == 0 {
			return name
		}
	}
}
