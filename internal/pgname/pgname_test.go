package pgname_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/internal/pgname"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// awkward are names that are legal and easily quoted wrongly.
var awkward = []string{
	"events", "Events", "select", "a b", `a"b`, `"`, `""`, `a"; DROP TABLE x; --`, "a'b", `a\b`, "a.b",
	"a\nb", "--", "/*", "$1", "$$", "?", "{{", "öäü", "日本", "\u202e", "\x01\x7f", strings.Repeat(`"`, 63),
	strings.Repeat("x", 63), " ", "1", "-",
}

func TestQuoteRefusesWhatNoSchemaCanBeCalled(t *testing.T) {
	t.Parallel()
	for name, reason := range map[string]string{
		"":                         "is empty",
		"a\x00b":                   "holds a NUL",
		"a\xffb":                   "is not UTF-8",
		strings.Repeat("x", 64):    "is 64 bytes long, more than 63",
		strings.Repeat("ö", 32):    "is 64 bytes long, more than 63",
		strings.Repeat("\x00", 99): "is 99 bytes long, more than 63",
	} {
		quoted, err := pgname.Quote(name)
		require.Empty(t, quoted)
		var refused *pgname.SchemaNameError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, name, refused.Name)
		require.Equal(t, reason, refused.Reason)
	}
}

func TestQualifiedPutsTheSchemaBeforeTheTable(t *testing.T) {
	t.Parallel()
	got, err := pgname.Qualified(`My "own"`, "event_log")
	require.NoError(t, err)
	require.Equal(t, `"My ""own"""."event_log"`, got)

	got, err = pgname.Qualified("", "event_log")
	require.NoError(t, err)
	require.Equal(t, `"event_log"`, got)
}

func TestQualifiedRefusesABadSchemaAndABadTable(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"a\x00", "t"}, {"s", ""}, {"", ""}} {
		got, err := pgname.Qualified(pair[0], pair[1])
		require.Empty(t, got)
		require.ErrorAs(t, err, new(*pgname.SchemaNameError))
	}
}

// The server is the judge of what is right: it reads every quoted name back as
// the name that went in, as an identifier and as a schema that exists.
func TestQuotedNamesAreReadBackByTheServer(t *testing.T) {
	t.Parallel()
	pool := pgtest.Open(t, pgtest.Database(t))
	names := append([]string(nil), awkward...)
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		names = append(names, randomName(random))
	}
	for _, name := range names {
		quoted, err := pgname.Quote(name)
		require.NoError(t, err)
		var parts []string
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT parse_ident($1)", quoted).Scan(&parts), "%q", name)
		require.Equal(t, []string{name}, parts)

		_, err = pool.Exec(t.Context(), "CREATE SCHEMA IF NOT EXISTS "+quoted)
		require.NoError(t, err, "%q", name)
		var there bool
		row := pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", name)
		require.NoError(t, row.Scan(&there))
		require.True(t, there, "%q was made under another name", name)
	}
}

// randomName returns a legal name of one to 63 bytes made of the characters that
// mean something to SQL, and others.
func randomName(random *rand.Rand) string {
	alphabet := []rune(`"'\;.-/*$(){}[]%aZ09_ ` + "\n\t\rößλ漢😀")
	var b strings.Builder
	for b.Len() == 0 || random.IntN(8) > 0 {
		r := alphabet[random.IntN(len(alphabet))]
		if b.Len()+utf8.RuneLen(r) > pgname.MaxLength {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// FuzzQuote holds Quote against the grammar of a delimited identifier, read by
// hand: between the quotes, every quote is doubled, and undoubling gives the name.
func FuzzQuote(f *testing.F) {
	for _, name := range awkward {
		f.Add(name)
	}
	f.Add("a\x00b")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, name string) {
		quoted, err := pgname.Quote(name)
		if err != nil {
			var refused *pgname.SchemaNameError
			if !errors.As(err, &refused) || refused.Reason == "" || quoted != "" {
				t.Fatalf("Quote(%q) = %q, %v", name, quoted, err)
			}
			return
		}
		if got, rest := readIdentifier(quoted); got != name || rest != "" {
			t.Fatalf("Quote(%q) = %s, which is the name %q followed by %q", name, quoted, got, rest)
		}
		if len(name) > pgname.MaxLength || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
			t.Fatalf("Quote(%q) accepted what the server does not", name)
		}
	})
}

// readIdentifier reads a delimited identifier as the server's scanner does: to
// the first quote that is not doubled.
func readIdentifier(s string) (name, rest string) {
	if s == "" || s[0] != '"' {
		return "", s
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '"' {
			return b.String(), s[i+1:]
		}
		b.WriteByte('"')
		i++
	}
	return b.String(), "the end of the text"
}
