package catalogue_test

import (
	"context"
	"fmt"
	"os"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/catalogue"
	"github.com/eventmaestro/maestro/types"
)

type counter struct{ Value int }

func counters() aggregate.Definition[counter] {
	type increment struct{ By int }
	type incremented struct{ By int }
	return aggregate.Definition[counter]{
		Name: "counter",
		Commands: aggregate.Commands[counter]{"increment": aggregate.Command(
			func(_ context.Context, _ aggregate.Instance[counter], cmd increment) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("incremented", incremented(cmd))), nil
			})},
		Events: aggregate.Events[counter]{"incremented": aggregate.Event(func(c counter, e incremented) counter { c.Value += e.By; return c })},
	}
}

func Example() {
	d, err := aggregate.Describe(counters())
	if err == nil {
		err = catalogue.Run("Counters", os.Args[:0], d)
	}
	fmt.Println(err)
	// Output:
	// # Counters
	//
	// What is taken and stored. A field that is missing is zero; a command with another field is refused.
	//
	// ## counter
	//
	// ### Commands
	//
	// **`increment`**, data `catalogue_test.increment`
	//
	// ```json
	// {
	//   "type": "object",
	//   "properties": {
	//     "By": {
	//       "type": "integer"
	//     }
	//   },
	//   "additionalProperties": false
	// }
	// ```
	//
	// ### Events
	//
	// **`incremented`**, body `catalogue_test.incremented`
	//
	// ```json
	// {
	//   "type": "object",
	//   "properties": {
	//     "By": {
	//       "type": "integer"
	//     }
	//   }
	// }
	// ```
	//
	// ### State
	//
	// ```json
	// {
	//   "type": "object",
	//   "properties": {
	//     "Value": {
	//       "type": "integer"
	//     }
	//   }
	// }
	// ```
	// <nil>
}

func ExampleRun() {
	d, err := aggregate.Describe(counters())
	if err == nil {
		err = catalogue.Run("Counters", []string{"-check", "-markdown", "nowhere/counters.md"}, d)
	}
	fmt.Println(err)
	// Output: open nowhere/counters.md: no such file or directory
}

func ExampleMarkdown() {
	fmt.Print(string(catalogue.Markdown("Nothing yet")))
	// Output:
	// # Nothing yet
	//
	// What is taken and stored. A field that is missing is zero; a command with another field is refused.
}

func ExampleAsyncAPI() {
	fmt.Print(string(catalogue.AsyncAPI("Nothing yet")))
	// Output:
	// {
	//   "asyncapi": "3.0.0",
	//   "info": {
	//     "title": "Nothing yet",
	//     "version": "0"
	//   },
	//   "channels": {},
	//   "operations": {},
	//   "components": {
	//     "messages": {}
	//   }
	// }
}
