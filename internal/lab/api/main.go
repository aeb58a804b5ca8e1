package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	out := flag.String("o", "", "write to this file instead of the standard output")
	flag.Parse()
	text, err := api()
	if err == nil && *out != "" {
		err = os.WriteFile(*out, text, 0o644)
	} else if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

// compiled is what the go command says about a package.
type compiled struct {
	ImportPath, Name, Export string
	DepOnly                  bool
	Module                   *struct {
		Path string
		Main bool
	}
}

// public reports whether an app can import the package and is meant to.
func (p *compiled) public() bool {
	return !p.DepOnly && p.Name != "main" && !strings.Contains(p.ImportPath+"/", "/internal/") &&
		!strings.HasPrefix(p.ImportPath, p.Module.Path+"/examples/")
}

// api lists all packages of the module that the working directory is in. What a package exports is
// read from the compiler's own record of it.
func api() ([]byte, error) {
	module, err := run("go", "list", "-m")
	if err != nil {
		return nil, err
	}
	root := strings.TrimSpace(string(module))
	list, err := run("go", "list", "-export", "-deps", "-json=ImportPath,Name,Export,DepOnly,Module", root+"/...")
	if err != nil {
		return nil, err
	}
	var public []string
	exports := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(list)); ; {
		var p compiled
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
		if p.public() {
			public = append(public, p.ImportPath)
		}
	}
	slices.Sort(public)
	packages := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	text := &bytes.Buffer{}
	for _, path := range public {
		p, err := packages.Import(path)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(text, "package %s\n\n", path)
		describe(text, p)
		fmt.Fprintln(text)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

func run(name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return out, nil
}
