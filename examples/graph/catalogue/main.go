// Command catalogue writes down what the graph editor takes and stores: graph.md for people and
// graph.asyncapi.json for tools. With -check it fails where they are behind the code, as its test
// does.
package main

import (
	"log"
	"os"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/catalogue"
	"github.com/eventmaestro/maestro/examples/graph/editor"
)

//go:generate go run . -markdown graph.md -asyncapi graph.asyncapi.json

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	graphs, err := aggregate.Describe(editor.Definition(editor.PostgresProjection()))
	if err != nil {
		return err
	}
	return catalogue.Run("The graph editor", args, graphs)
}
