package docs_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../../.."

// document is one for people.
type document struct{ path, text string }

// prose is the text without its blocks of code.
func (d document) prose() string { return block.ReplaceAllString(d.text, "") }

// documents returns all of them.
func documents(t *testing.T) []document {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "*.md"))
	require.NoError(t, err)
	for _, dir := range []string{"docs", "examples"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".md") {
				paths = append(paths, path)
			}
			return err
		}))
	}
	require.Greater(t, len(paths), 10)
	all := make([]document, len(paths))
	for i, path := range paths {
		all[i] = document{path, read(t, path)}
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// sources returns the text of each Go file that go vet compiles, without indentation.
func sources(t *testing.T) (texts []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := filepath.Base(path); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (name == "testdata" || name[0] == '.' || name[0] == '_'):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if !bytes.Contains(text, []byte("\n//go:build ")) {
			texts = append(texts, flat(string(text)))
		}
		return err
	}))
	return texts
}

// flat drops indentation, so that a block can show part of a function.
func flat(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

var block = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// goLine matches what looks like Go in a block of another language.
var goLine = regexp.MustCompile(`(?m)^\s*(func |import \(|type \w+ (struct|interface)|package \w+$)|:= `)

func TestEveryBlockOfGoIsCompiledAndRun(t *testing.T) {
	t.Parallel()
	code, seen := sources(t), 0
	for _, d := range documents(t) {
		for _, m := range block.FindAllStringSubmatch(d.text, -1) {
			require.NotEmpty(t, m[1], "%s: a block without a language:\n%s", d.path, m[2])
			if m[1] != "go" {
				require.NotRegexp(t, goLine, m[2], "%s: is this not Go?", d.path)
				continue
			}
			seen++
			part := flat(strings.TrimSpace(m[2]))
			require.True(t, slices.ContainsFunc(code, func(file string) bool { return strings.Contains(file, part) }),
				"%s: this block is not part of any Go file:\n%s", d.path, m[2])
		}
	}
	require.Greater(t, seen, 15)
}

var link = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)

func TestEveryLinkWithinTheProjectLeadsSomewhere(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, d := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(d.prose(), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			seen++
			_, err := os.Stat(filepath.Join(filepath.Dir(d.path), m[1]))
			require.NoError(t, err, "%s links to %s", d.path, m[1])
		}
	}
	require.Greater(t, seen, 20)
}

var (
	anchor  = regexp.MustCompile(`\]\(([^)#:]*)#([^)]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// slug is what a heading is called in a link, as code hosts have it.
func slug(heading string) string {
	return strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func TestEveryLinkToAHeadingFindsIt(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, d := range documents(t) {
		for _, m := range anchor.FindAllStringSubmatch(d.prose(), -1) {
			seen++
			target := d.path
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(d.path), m[1])
			}
			there := document{target, read(t, target)}
			require.True(t, slices.ContainsFunc(heading.FindAllStringSubmatch(there.prose(), -1),
				func(h []string) bool { return slug(h[1]) == m[2] }), "%s links to #%s of %s", d.path, m[2], target)
		}
	}
	require.Greater(t, seen, 10)
}

var makeTarget = regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)")

func TestEveryMakeTargetIsThere(t *testing.T) {
	t.Parallel()
	makefile, seen := read(t, filepath.Join(root, "Makefile")), 0
	for _, d := range documents(t) {
		for _, m := range makeTarget.FindAllStringSubmatch(d.text, -1) {
			seen++
			require.Regexp(t, `(?m)^`+m[1]+`:`, makefile, "%s: make %s", d.path, m[1])
		}
	}
	require.Greater(t, seen, 10)
}

func TestTheREADMEStaysShort(t *testing.T) {
	t.Parallel()
	text := read(t, filepath.Join(root, "README.md"))
	require.Less(t, strings.Count(text, "\n"), 300)
	first := strings.Split(text, "\n")[:30]
	require.Contains(t, strings.Join(first, "\n"), "go run ./examples/counter")
	require.Contains(t, strings.Join(first, "\n"), "make test")
}

const columns = 100

var (
	indented = regexp.MustCompile("^(?: {4,}|\t)")
	// wide matches lines that may be longer: of tables, headings, pictures and HTML.
	wide   = regexp.MustCompile(`^\s*(?:[|#<]|!\[)`)
	target = regexp.MustCompile(`\]\([^)]*\)`)
)

// One width, so that a change of a sentence is not a change of the paragraphs around it.
func TestProseHasOneWidth(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, d := range documents(t) {
		code, after := false, false // inside of a block; in code by indentation, which begins after an empty line
		for i, line := range strings.Split(d.text, "\n") {
			switch {
			case strings.HasPrefix(strings.TrimSpace(line), "```"):
				code = !code
			case code || wide.MatchString(line):
			case after && indented.MatchString(line) && !strings.HasPrefix(strings.TrimSpace(line), "- "):
				continue
			default:
				seen++
				width := utf8.RuneCountInString(target.ReplaceAllString(line, "]"))
				assert.LessOrEqual(t, width, columns, "%s:%d", d.path, i+1)
			}
			after = strings.TrimSpace(line) == ""
		}
	}
	require.Greater(t, seen, 1000)
}

func TestCommentsHaveTheWidthOfProse(t *testing.T) {
	t.Parallel()
	seen := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		output := false // what an example prints has the width that it has
		for i, line := range strings.Split(string(text), "\n") {
			comment := strings.HasPrefix(strings.TrimSpace(line), "//")
			output = comment && (output || strings.HasSuffix(line, "// Output:"))
			if comment && !output {
				seen++
				assert.LessOrEqual(t, utf8.RuneCountInString(line), columns, "%s:%d", path, i+1)
			}
		}
		return err
	}))
	require.Greater(t, seen, 1000)
}
