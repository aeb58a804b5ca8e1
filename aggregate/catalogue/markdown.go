package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/aggregate"
)

// Markdown returns a document with a section for each aggregate: its commands, events, upcasts and
// projections, and the JSON Schema of data and bodies.
func Markdown(title string, all ...aggregate.Description) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\nWhat is taken and stored. A field that is missing is zero; a command with another field is refused.\n", title)
	for _, d := range all {
		fmt.Fprintf(&b, "\n## %s\n", d.Name)
		messages(&b, "Commands", "data", d.Commands)
		messages(&b, "Events", "body", d.Events)
		upcasts(&b, d.Upcasts)
		projections(&b, d.Projections)
		if d.State != nil {
			b.WriteString("\n### State\n")
			block(&b, d.State)
		}
	}
	return b.Bytes()
}

func messages(b *bytes.Buffer, heading, what string, all []aggregate.MessageDescription) {
	fmt.Fprintf(b, "\n### %s\n", heading)
	for _, m := range all {
		fmt.Fprintf(b, "\n**%s**", code(m.Type))
		if m.Schema == nil {
			fmt.Fprintf(b, ", whose %s its handler reads by itself\n", what)
			continue
		}
		fmt.Fprintf(b, ", %s %s\n", what, code(m.GoType))
		block(b, m.Schema)
	}
}

func upcasts(b *bytes.Buffer, all []aggregate.UpcastDescription) {
	if len(all) == 0 {
		return
	}
	b.WriteString("\n### Older events\n\n| type | is read as |\n| --- | --- |\n")
	for _, u := range all {
		to := "nothing: it is passed over"
		if len(u.To) > 0 {
			names := make([]string, len(u.To))
			for i, t := range u.To {
				names[i] = code(t)
			}
			to = strings.Join(names, ", ")
			if u.Schema == nil {
				to += ", rewritten"
			}
		}
		fmt.Fprintf(b, "| %s | %s |\n", code(u.Type), to)
	}
}

func projections(b *bytes.Buffer, all []aggregate.ProjectionDescription) {
	if len(all) == 0 {
		return
	}
	b.WriteString("\n### Projections\n\n")
	for i, p := range all {
		fmt.Fprintf(b, "%d. for %s\n", i+1, p.Store)
		for _, constraint := range slices.Sorted(maps.Keys(p.Refusals)) {
			fmt.Fprintf(b, "   - %s: %s\n", code(constraint), p.Refusals[constraint])
		}
	}
}

// block shows a schema.
func block(b *bytes.Buffer, schema json.RawMessage) {
	b.WriteString("\n```json\n")
	_ = json.Indent(b, schema, "", "  ") // which was made here
	b.WriteString("\n```\n")
}

// code is text in the font of code, in whatever line or table it stands.
func code(text string) string {
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) + fence
}
