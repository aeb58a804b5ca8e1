// Package typestring says which strings can name a type of command or event. Command IDs are held
// to the same.
package typestring

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/eventmaestro/maestro/types"
)

// Fault says what is wrong with s, or nothing.
func Fault(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > types.MaxTypeLength:
		return fmt.Sprintf("has %d bytes, more than %d", len(s), types.MaxTypeLength)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "contains a NUL byte"
	}
	return ""
}
