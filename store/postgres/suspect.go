package postgres

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/types"
)

// suspicious reports whether a body holds what JSON allows and jsonb often doesn't: the escape of U+0000 or of half a
// surrogate pair, or bytes that are not UTF-8. Such a commit goes alone, as it would only spoil a crowd.
func suspicious(all []types.Event) bool {
	for i := range all {
		body := all[i].Body
		if !utf8.Valid(body) {
			return true
		}
		for {
			at := bytes.Index(body, []byte(`\u`))
			if at < 0 || len(body) < at+4 {
				break
			}
			body = body[at+2:]
			if bytes.HasPrefix(body, []byte("0000")) || body[0]|0x20 == 'd' && body[1] >= '8' {
				return true
			}
		}
	}
	return false
}

// splitByBody tells the commits with a body that jsonb would refuse, most likely, from the others.
func splitByBody(batch []*pending) (good, bad []*pending) {
	for _, p := range batch {
		if slices.ContainsFunc(p.commit.Events, func(e types.Event) bool { _, err := jsonb.Canonical(e.Body); return err != nil }) {
			bad = append(bad, p)
		} else {
			good = append(good, p)
		}
	}
	return good, bad
}
