package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/eventmaestro/maestro/aggregate"
)

// AsyncAPI returns the descriptions as an AsyncAPI 3.0 document, in JSON: for each aggregate a
// channel of commands, which the application receives, and one of events, which it sends. Nothing
// in it says how they travel: that is the application's own matter.
// https://www.asyncapi.com/docs/reference/specification/v3.0.0
func AsyncAPI(title string, all ...aggregate.Description) []byte {
	doc := document{
		AsyncAPI: "3.0.0", Info: info{Title: title, Version: "0"},
		Channels: map[string]channel{}, Operations: map[string]operation{},
		Components: components{Messages: map[string]message{}, Schemas: map[string]json.RawMessage{}},
	}
	for _, d := range all {
		doc.add(d)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		panic("catalogue: " + err.Error()) // it is made of what was JSON before
	}
	return b.Bytes()
}

type (
	document struct {
		AsyncAPI   string               `json:"asyncapi"`
		Info       info                 `json:"info"`
		Channels   map[string]channel   `json:"channels"`
		Operations map[string]operation `json:"operations"`
		Components components           `json:"components"`
	}
	info struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	}
	channel struct {
		Address  *string              `json:"address"` // null: not known
		Title    string               `json:"title"`
		Messages map[string]reference `json:"messages"`
	}
	operation struct {
		Action  string    `json:"action"`
		Channel reference `json:"channel"`
		Summary string    `json:"summary"`
	}
	components struct {
		Messages map[string]message         `json:"messages"`
		Schemas  map[string]json.RawMessage `json:"schemas,omitempty"`
	}
	message struct {
		Name        string          `json:"name"`
		Summary     string          `json:"summary,omitempty"`
		ContentType string          `json:"contentType"`
		Payload     json.RawMessage `json:"payload"`
	}
	reference struct {
		Ref string `json:"$ref"`
	}
)

func (doc *document) add(d aggregate.Description) {
	commands, events := doc.channel(d.Name, "commands", "receive"), doc.channel(d.Name, "events", "send")
	for _, m := range d.Commands {
		doc.message(commands, m.Type, "", m.Schema)
	}
	for _, m := range d.Events {
		doc.message(events, m.Type, "", m.Schema)
	}
	for _, u := range d.Upcasts {
		summary := "An older event, which is passed over."
		if len(u.To) > 0 {
			summary = "An older event, which is read as " + strings.Join(u.To, ", ") + "."
		}
		doc.message(events, u.Type, summary, u.Schema)
	}
}

func (doc *document) channel(name, what, action string) (key string) {
	key = id(name) + "." + what
	doc.Channels[key] = channel{Title: fmt.Sprintf("%s of %s", what, name), Messages: map[string]reference{}}
	doc.Operations[key] = operation{Action: action, Channel: reference{"#/channels/" + key}, Summary: fmt.Sprintf("%s of %s", what, name)}
	return key
}

func (doc *document) message(channel, name, summary string, schema json.RawMessage) {
	key := channel + "." + id(name)
	if schema == nil {
		schema = json.RawMessage("{}")
	}
	doc.Components.Messages[key] = message{Name: name, Summary: summary, ContentType: "application/json", Payload: doc.hoist(key, schema)}
	doc.Channels[channel].Messages[id(name)] = reference{"#/components/messages/" + key}
}

// hoist moves the schemas of types that contain themselves to where references within the document
// find them.
func (doc *document) hoist(key string, schema json.RawMessage) json.RawMessage {
	var with struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if json.Unmarshal(schema, &with) != nil || len(with.Defs) == 0 {
		return schema
	}
	moved := func(s json.RawMessage) json.RawMessage {
		return bytes.ReplaceAll(s, []byte(`"$ref":"#/$defs/`), []byte(`"$ref":"#/components/schemas/`+key+"."))
	}
	for name, def := range with.Defs {
		doc.Components.Schemas[key+"."+id(name)] = moved(def)
	}
	end := bytes.LastIndex(schema, []byte(`,"$defs":`)) // the last member of all
	return moved(append(bytes.Clone(schema[:end]), '}'))
}

// id is a name in the letters that AsyncAPI's keys may have.
func id(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "_%x_", r)
		}
	}
	return b.String()
}
