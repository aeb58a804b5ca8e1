package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/eventmaestro/maestro/store"
)

// hugeNumber is how long a JSON text has to be at least to have a number past a float64: that one has 309 digits.
const hugeNumber = 309

// unfitForMaestro says why a process of Maestro could not read a body or a snapshot, or returns nothing. It takes objects only, and
// makes a float of each number with a fraction; what it can't read ends the aggregate's process, again and again.
func unfitForMaestro(body json.RawMessage) string {
	if len(body) == 0 || body[0] != '{' {
		return "is no JSON object, which Maestro can't read"
	}
	if len(body) < hugeNumber {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return "" // the end: it is canonical JSON
		}
		n, ok := token.(json.Number)
		if !ok || !strings.ContainsAny(n.String(), ".eE") {
			continue
		}
		if _, err := strconv.ParseFloat(n.String(), 64); err != nil {
			return fmt.Sprintf("has a number with a fraction and %d digits, past what Maestro can read", len(n))
		}
	}
}

// checkShared refuses a snapshot that would end a process of Maestro.
func (k *kind[S]) checkShared(state json.RawMessage) error {
	if !k.SharedWithMaestro {
		return nil
	}
	reason := unfitForMaestro(state)
	if _, _, has := cut(state, store.MarkKey); has {
		reason = "has the key \"" + store.MarkKey + "\", where the library's mark has to be"
	}
	if reason == "" {
		return nil
	}
	return k.wrong("S", "has a snapshot that "+reason+", and SharedWithMaestro is set: let the state, or what PrepareSnapshot returns, be a struct without it")
}
