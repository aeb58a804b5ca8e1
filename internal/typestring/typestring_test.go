package typestring_test

import (
	"strings"
	"testing"

	"github.com/eventmaestro/maestro/internal/typestring"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestFaultSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for s, fault := range map[string]string{
		"added": "", "ä.b/c": "", strings.Repeat("x", types.MaxTypeLength): "",
		"": "is empty",
		strings.Repeat("x", types.MaxTypeLength+1): "has 257 bytes, more than 256",
		"a\xff": "is not valid UTF-8",
		"a\x00": "contains a NUL byte",
	} {
		require.Equal(t, fault, typestring.Fault(s), "%q", s)
	}
}
