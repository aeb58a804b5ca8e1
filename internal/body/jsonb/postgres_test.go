package jsonb_test

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestPostgresAgreesOnTheWrittenCases(t *testing.T) {
	t.Parallel()
	pg := connect(t)
	var texts [][]byte
	for _, c := range accepted {
		texts = append(texts, []byte(c.src))
	}
	for _, c := range rejected {
		texts = append(texts, []byte(c.src))
	}
	answers := pg.ask(t, texts)
	for i, c := range accepted {
		require.Empty(t, answers[i].state, c.name)
		require.True(t, c.want == string(answers[i].text), "%s: postgres prints %.200s", c.name, answers[i].text)
	}
	for i, c := range rejected {
		require.NotEmpty(t, answers[len(accepted)+i].state, c.name)
	}
}

func TestPostgresAgreesOnGeneratedTexts(t *testing.T) {
	t.Parallel()
	pg := connect(t)
	var seen tally
	rapid.Check(t, func(r *rapid.T) {
		// The batch has a fixed size: left to itself, rapid prefers a handful of texts.
		texts := rapid.SliceOfN(anyText(), 100, 100).Draw(r, "texts")
		seen.add(requireAgreement(r, texts, pg.ask(t, texts)))
	})
	t.Logf("%+v", seen)
	require.Greater(t, seen.taken, seen.refused, "most texts have to be ones that jsonb takes")
	require.Greater(t, seen.refused, seen.taken/20, "some have to be ones that it refuses")
	require.Greater(t, seen.long, seen.taken/20, "some have to be large")
}

// Numbers have the most rules and get a test of their own, around the limits of numeric.
func TestPostgresAgreesOnGeneratedNumbers(t *testing.T) {
	t.Parallel()
	pg := connect(t)
	var seen tally
	rapid.Check(t, func(r *rapid.T) {
		texts := rapid.SliceOfN(extremeNumber(), 10, 10).Draw(r, "numbers")
		seen.add(requireAgreement(r, texts, pg.ask(t, texts)))
	})
	t.Logf("%+v", seen)
	require.Greater(t, seen.taken, seen.refused/4, "a good part has to be in range")
	require.Greater(t, seen.refused, seen.taken/4, "a good part has to be out of range")
}

func TestPostgresAgreesOnEveryCharacter(t *testing.T) {
	t.Parallel()
	pg := connect(t)
	const hex = "0123456789abcdef"
	var texts [][]byte
	for r := range rune(0x10000) {
		texts = append(texts, []byte{'"', '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15], '"'})
	}
	for b := range 0x100 {
		texts = append(texts,
			[]byte{byte(b)},                       // alone
			[]byte{'1', byte(b), '1'},             // inside a number
			[]byte{'"', byte(b), '"'},             // in a string
			[]byte{'"', '\\', byte(b), '"'},       // as an escape
			[]byte{'"', 0xc3, byte(b), '"'},       // second of two
			[]byte{'"', 0xe0, byte(b), 0x80, '"'}, // second of three
			[]byte{'"', 0xed, byte(b), 0x80, '"'},
			[]byte{'"', 0xf0, byte(b), 0x80, 0x80, '"'}, // second of four
			[]byte{'"', 0xf4, byte(b), 0x80, 0x80, '"'},
		)
	}
	requireAgreement(t, texts, pg.ask(t, texts))
}

// A server's limit of nesting has to lie above MaxDepth, and what it stores has to come back.
func TestPostgresStoresTheCanonicalFormAsItIs(t *testing.T) {
	t.Parallel()
	pg := connect(t)
	for _, c := range accepted {
		out, err := jsonb.Canonical([]byte(c.src))
		require.NoError(t, err)
		var read []byte
		err = pg.pool.QueryRow(t.Context(), `INSERT INTO bodies VALUES ($1) RETURNING body`, out).Scan(&read)
		require.NoError(t, err, c.name)
		require.True(t, string(out) == string(read), "%s: read back %.200s", c.name, read)
	}
}

// postgres is a server that says what it makes of a text.
type postgres struct{ pool *pgxpool.Pool }

func connect(t *testing.T) postgres {
	t.Helper()
	pool := pgtest.Pool(t)
	var encoding string
	require.NoError(t, pool.QueryRow(t.Context(), `SHOW server_encoding`).Scan(&encoding))
	require.Equal(t, "UTF8", encoding)
	_, err := pool.Exec(t.Context(), `
		CREATE TABLE bodies (body jsonb NOT NULL);
		CREATE FUNCTION print(src bytea, OUT text bytea, OUT state text) LANGUAGE plpgsql AS $$
		BEGIN
			text := convert_to(convert_from(src, 'UTF8')::jsonb::text, 'UTF8');
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
		END $$`)
	require.NoError(t, err)
	return postgres{pool}
}

// answer is the text that jsonb prints, or the SQLSTATE of its refusal.
type answer struct {
	text  []byte
	state string
}

func (pg postgres) ask(t *testing.T, texts [][]byte) []answer {
	t.Helper()
	rows, err := pg.pool.Query(t.Context(), `
		SELECT a.text, coalesce(a.state, '')
		FROM unnest($1::bytea[]) WITH ORDINALITY AS q (src, n), LATERAL print(q.src) AS a ORDER BY q.n`, texts)
	require.NoError(t, err)
	defer rows.Close()
	var answers []answer
	for rows.Next() {
		var a answer
		require.NoError(t, rows.Scan(&a.text, &a.state))
		answers = append(answers, a)
	}
	require.NoError(t, rows.Err())
	require.Len(t, answers, len(texts))
	return answers
}

// tally counts what was compared, so that a generator that has gone astray is noticed.
type tally struct{ taken, refused, long int }

func (s *tally) add(o tally) {
	s.taken, s.refused, s.long = s.taken+o.taken, s.refused+o.refused, s.long+o.long
}

// requireAgreement compares what we make of texts with what a server does.
func requireAgreement(t require.TestingT, texts [][]byte, answers []answer) (seen tally) {
	for i, src := range texts {
		out, err := jsonb.Canonical(src)
		if a := answers[i]; a.state != "" {
			seen.refused++
			require.Error(t, err, "%q is refused by postgres: %s", src, a.state)
			if a.state == numericRange || a.state == noCharacter {
				require.ErrorIs(t, err, jsonb.ErrRefused, "%q", src)
			}
			continue
		}
		require.NoError(t, err, "%q is taken by postgres", src)
		require.True(t, bytes.Equal(answers[i].text, out), "%q: got %.500s, postgres prints %.500s", src, out, answers[i].text)
		seen.taken++
		if len(out) > 200 {
			seen.long++
		}
	}
	return seen
}

const (
	numericRange = "22003" // numeric_value_out_of_range
	noCharacter  = "22P05" // untranslatable_character: an escaped NUL
)
