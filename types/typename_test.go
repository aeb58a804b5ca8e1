package types_test

import (
	"fmt"
	"testing"
	"unicode"

	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

type (
	CounterIncremented struct{}
	HTTPServerStarted  struct{}
	Generic[T any]     struct{ V T }
)

func TestTypeOfNamesTheGoType(t *testing.T) {
	t.Parallel()
	require.Equal(t, "counter_incremented", types.TypeOf(CounterIncremented{}))
	require.Equal(t, "counter_incremented", types.TypeOf(&CounterIncremented{}))
	require.Equal(t, "http_server_started", types.TypeOf(HTTPServerStarted{}))
	require.Equal(t, "generic", types.TypeOf(Generic[int]{}))
	require.Empty(t, types.TypeOf(nil))
	require.Empty(t, types.TypeOf(map[string]any{}))
}

func TestTypeNameKeepsThePartsBetweenDots(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"TypedEvent.Completed": "typed_event.completed",
		"A":                    "a",
		"":                     "",
		"ABTest":               "ab_test",
		"TestAB":               "test_ab",
		"V2Started":            "v2_started",
		"already_snake":        "already_snake",
		"Mixed_Case":           "mixed_case",
		"ÄnderungGemacht":      "änderung_gemacht",
	} {
		require.Equal(t, want, types.TypeName(name), name)
	}
}

func TestATypeStringIsItsOwnTypeStringForEveryLetter(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsLetter(r) && !unicode.IsUpper(r) { // Ⓐ is upper case and no letter
			continue
		}
		for _, name := range []string{"a" + string(r), string(r) + "a", "A" + string(r) + "a", "a" + string(r) + "A"} {
			if once := types.TypeName(name); once != types.TypeName(once) {
				require.Equal(t, once, types.TypeName(once), "from %+q", name)
			}
		}
	}
}

func FuzzTypeName(f *testing.F) {
	f.Add("TypedEvent.Completed")
	f.Add("HTTPServer")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, name string) {
		once := types.TypeName(name)
		require.Equal(t, once, types.TypeName(once), "a type string is its own type string")
	})
}

func ExampleTypeOf() {
	fmt.Println(types.TypeOf(CounterIncremented{}))
	fmt.Println(types.TypeName("TypedEvent.Completed"))
	// Output:
	// counter_incremented
	// typed_event.completed
}
