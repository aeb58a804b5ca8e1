// Package editor is the domain of the graph editor: graphs of named nodes on a canvas, joined by
// arrows. Nothing in it knows of HTTP or of the page.
//
// Read state.go, then definition.go, then the commands (graphs.go, nodes.go, edges.go, revert.go)
// beside the events that they lead to (events.go), then names.go for the projection.
package editor
