package catalogue

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/eventmaestro/maestro/aggregate"
)

// Run is the program that an application calls with its command line, as args, and descriptions of
// its aggregates. It writes to standard output, or
//
//	-markdown FILE   writes the Markdown to FILE
//	-asyncapi FILE   writes the AsyncAPI to FILE
//	-check           writes nothing, and is an error if a FILE is not what would be written
//
// title stands at the head of the documents.
func Run(title string, args []string, all ...aggregate.Description) error {
	return run(title, args, os.Stdout, all)
}

func run(title string, args []string, out io.Writer, all []aggregate.Description) error {
	flags := flag.NewFlagSet("catalogue", flag.ContinueOnError)
	flags.SetOutput(out)
	markdown := flags.String("markdown", "", "write Markdown to this `file`")
	asyncAPI := flags.String("asyncapi", "", "write AsyncAPI to this `file`")
	check := flags.Bool("check", false, "write nothing, and fail for a file that is behind")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *markdown == "" && *asyncAPI == "" {
		if *check {
			return fmt.Errorf("catalogue: -check: say -markdown or -asyncapi and the file")
		}
		_, err := out.Write(Markdown(title, all...))
		return err
	}
	for _, document := range []struct {
		file string
		text []byte
	}{{*markdown, Markdown(title, all...)}, {*asyncAPI, AsyncAPI(title, all...)}} {
		if document.file == "" {
			continue
		}
		if err := keep(document.file, document.text, *check); err != nil {
			return err
		}
	}
	return nil
}

func keep(file string, text []byte, check bool) error {
	if !check {
		return os.WriteFile(file, text, 0o644)
	}
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, text) {
		return fmt.Errorf("catalogue: %s is behind the code: run this without -check, and keep what it writes", file)
	}
	return nil
}
