package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(m)) }

// stamp is a moment in the past, by its number.
func stamp(i int) hlc.Timestamp {
	t, err := hlc.New(1_700_000_000_000+int64(i), 0, 0xA7)
	if err != nil {
		panic(err)
	}
	return t
}

var id = stamp(0)

// log is a database with a log.
type log struct {
	t      *testing.T
	url    string
	schema string
	pool   *pgxpool.Pool
}

// newLog makes the tables. Without the unique index a log can have repeats, as one that was
// restored from somewhere may.
func newLog(t *testing.T, o *migrations.Options) *log {
	t.Helper()
	url, schema := pgtest.Schema(t)
	l := &log{t: t, url: url, schema: schema, pool: pgtest.Open(t, url)}
	require.NoError(t, migrations.Apply(t.Context(), l.pool, o))
	return l
}

func (l *log) exec(sql string, args ...any) {
	l.t.Helper()
	_, err := l.pool.Exec(l.t.Context(), sql, args...)
	require.NoError(l.t, err)
}

func (l *log) event(at hlc.Timestamp, sequence int, name string) {
	l.t.Helper()
	l.exec(`INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body) VALUES ($1, $2, $3, $4, $5)`,
		at[:], id[:], sequence, name, fmt.Sprintf(`{"by": %d}`, sequence))
}

func (l *log) snapshot(sequence int) {
	l.t.Helper()
	l.exec(`INSERT INTO snapshots VALUES ($1, $2, '{"value": 1}')`, id[:], sequence)
}

// run returns the exit code and what was printed.
func (l *log) run(args ...string) (code int, stdout string) {
	l.t.Helper()
	return l.runWith(nil, args...)
}

// runWith is run with definitions.
func (l *log) runWith(kinds []Kind, args ...string) (code int, stdout string) {
	l.t.Helper()
	var out, complaints bytes.Buffer
	code = run(l.t.Context(), append([]string{"-database", l.url}, args...), &out, &complaints, kinds...)
	require.Empty(l.t, complaints.String())
	return code, out.String()
}

func TestAGoodLogIsPrintedAndNothingIsWrong(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.event(stamp(1), 1, "counter_incremented")
	l.event(stamp(2), 2, "counter_reset")
	l.snapshot(2)
	want := `aggregate 2023-11-14T22:13:20.000Z-0000-00000000000000A7
       1 2023-11-14T22:13:20.001Z-0000 node 00000000000000A7 counter_incremented {"by": 1}
       2 2023-11-14T22:13:20.002Z-0000 node 00000000000000A7 counter_reset {"by": 2}
snapshot at 2 {"value": 1} (not compared with a replay)
2 events, sequences 1 to 2: nothing wrong
`
	for _, name := range []string{id.String(), fmt.Sprintf("%x", id[:]), fmt.Sprintf(`\x%x`, id[:]), id.UUID().String()} {
		code, out := l.run(name)
		require.Equal(t, want, out)
		require.Equal(t, exitGood, code)
	}
	code, out := l.run("-schema", l.schema, "-types", "counter_incremented, counter_reset", id.String())
	require.Equal(t, want, out)
	require.Equal(t, exitGood, code)
}

func TestWhatIsWrongIsNamedInItsPlace(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.exec("DROP INDEX aggregate_sequence_index")
	l.event(stamp(1), 2, "a")
	l.event(stamp(2), 3, "b")
	l.event(stamp(4), 3, "a")
	l.event(stamp(3), 7, "a")
	ahead, err := hlc.New(time.Now().Add(time.Hour).UnixMilli(), 0, 1)
	require.NoError(t, err)
	l.event(ahead, 8, "a")
	l.snapshot(5)
	code, out := l.run("-types", "a", id.String())
	require.Equal(t, exitWrong, code)
	lines := strings.Split(out, "\n")
	var problems []string
	for i, line := range lines {
		if strings.Contains(line, "! ") {
			before := lines[i-1]
			if strings.Contains(before, "! ") {
				before = lines[i-2]
			}
			problems = append(problems, strings.Fields(before)[0]+strings.TrimSpace(line))
		}
	}
	require.Len(t, problems, 7)
	require.Equal(t, []string{
		"2! gap: sequence 1 is missing",
		`3! unknown type "b"`,
		"3! repeat: sequence 3 is there already",
		"7! gap: sequences 4 to 6 are missing",
		"7! time back: the timestamp is not after " + stamp(4).String(),
	}, problems[:5])
	require.Regexp(t, `^8! time ahead: the timestamp is (59m59s|1h0m0s|59m58s) ahead of the database's clock$`, problems[5])
	require.Equal(t, "snapshot! at a sequence without an event", problems[6])
	require.Contains(t, out, "5 events, sequences 2 to 8: 7 problems")
}

func TestASnapshotThatTheLogDoesNotReachIsWrong(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.event(stamp(1), 1, "a")
	l.snapshot(3)
	code, out := l.run(id.String())
	require.Equal(t, exitWrong, code)
	require.Contains(t, out, "! newer than the log, which ends at 1\n1 event, sequences 1 to 1: 1 problem\n")
	code, _ = l.run("-to", "1", id.String())
	require.Equal(t, exitGood, code, "the snapshot is not in the range")
}

func TestASnapshotThatCantBeToldToBeRightIsWrong(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.event(stamp(1), 1, "a")
	l.event(stamp(3), 2, "a")
	l.event(stamp(2), 3, "a")
	l.snapshot(2)
	code, out := l.run(id.String())
	require.Equal(t, exitWrong, code)
	require.Contains(t, out, "! without the mark of the Go library, in a log whose timestamps fall: it may be of other events than its sequence says\n")
	for made, wrong := range map[hlc.Timestamp]string{stamp(3): "", stamp(4): "! made of another log: the event at its sequence is another one\n"} {
		l.exec(`UPDATE snapshots SET body = $1`, fmt.Sprintf(`{"maestro": {"at": "%x"}}`, made[:]))
		_, out = l.run(id.String())
		require.Equal(t, wrong != "", strings.Contains(out, "! made of another log"), out)
		require.NotContains(t, out, "without the mark")
	}
}

func TestATimestampThatIsThereTwiceIsWrong(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.exec("ALTER TABLE event_log DROP CONSTRAINT event_log_pkey")
	l.event(stamp(1), 1, "a")
	l.event(stamp(1), 2, "a")
	code, out := l.run(id.String())
	require.Equal(t, exitWrong, code)
	require.Contains(t, out, "! time back: the timestamp is not after "+stamp(1).String())
}

func TestAnAggregateWithoutEventsIsAProblem(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	code, out := l.run(id.String())
	require.Equal(t, exitWrong, code)
	require.Contains(t, out, "! no event of this aggregate in the range\n0 events: 1 problem\n")
}

func TestARangeIsLookedAtOnItsOwn(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	for i := 1; i <= 6; i++ {
		l.event(stamp(i), i, "a")
	}
	code, out := l.run("-from", "3", "-to", "4", id.String())
	require.Equal(t, exitGood, code)
	require.Contains(t, out, "2 events, sequences 3 to 4: nothing wrong")
	code, out = l.run("-from", "7", id.String())
	require.Equal(t, exitWrong, code)
	require.Contains(t, out, "0 events: 1 problem")
}

func TestJSONIsAnObjectALine(t *testing.T) {
	t.Parallel()
	l := newLog(t, &migrations.Options{Metadata: true, Partitions: 3})
	l.event(stamp(1), 1, "a")
	l.event(stamp(2), 3, "<b>")
	l.exec(`UPDATE event_log SET metadata = '{"actor": "ann"}' WHERE sequence = 1`)
	l.snapshot(3)
	code, out := l.run("-json", id.String())
	require.Equal(t, exitWrong, code)
	require.Equal(t, `{"event":{"sequence":1,"timestamp":"2023-11-14T22:13:20.001Z-0000-00000000000000A7","node":"00000000000000A7","type":"a","body":{"by":1},"metadata":{"actor":"ann"}}}
{"event":{"sequence":3,"timestamp":"2023-11-14T22:13:20.002Z-0000-00000000000000A7","node":"00000000000000A7","type":"<b>","body":{"by":3},"problems":["gap: sequence 2 is missing"]}}
{"snapshot":{"sequence":3,"body":{"value":1},"compared":false}}
{"summary":{"aggregate_id":"2023-11-14T22:13:20.000Z-0000-00000000000000A7","rows":2,"first":1,"last":3,"problems":1}}
`, out)
	for line := range strings.Lines(out) {
		require.True(t, json.Valid([]byte(line)))
	}
	_, out = l.run(id.String())
	require.Contains(t, out, `a {"by": 1} metadata {"actor": "ann"}`)
}

func TestTheLogThatTheLibraryWritesIsGood(t *testing.T) {
	t.Parallel()
	l := newLog(t, &migrations.Options{Metadata: true})
	sup, err := aggregate.NewSupervisor(pgtest.Store(t, l.pool, &postgres.Options{Metadata: true}), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, sup.Shutdown(context.WithoutCancel(t.Context()))) }()
	root, err := aggregate.NewRoot(sup, aggregate.Definition[int]{
		Commands: aggregate.Commands[int]{"add": aggregate.CommandFunc[int](func(context.Context, aggregate.Instance[int], types.Command) ([]types.Uncommitted, error) {
			return types.Events(types.NewEvent("added", 1), types.NewEvent("added", 2)), nil
		})},
		Events: aggregate.Events[int]{"added": aggregate.Event(func(s, n int) int { return s + n })},
	})
	require.NoError(t, err)
	id, err := root.NewID(t.Context())
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "add"}))
		require.NoError(t, root.Snapshot(t.Context(), id))
	}
	code, out := l.run("-types", "added", id.String())
	require.Equal(t, exitGood, code)
	require.Contains(t, out, "6 events, sequences 1 to 6: nothing wrong")
}

// counter is what an application adds.
var counter = aggregate.Definition[counted]{
	Name: "counter",
	Commands: aggregate.Commands[counted]{"add": aggregate.CommandFunc[counted](func(context.Context, aggregate.Instance[counted], types.Command) ([]types.Uncommitted, error) {
		return types.Events(types.NewEvent("added", added{1})), nil
	})},
	Events: aggregate.Events[counted]{"added": aggregate.Event(func(s counted, e added) counted { s.Value += e.By; return s })},
}

type (
	counted struct {
		Value int `json:"value"`
	}
	added struct {
		By int `json:"by"`
	}
)

// With the definition, the snapshot is compared with a replay: of Maestro's rows, whose process
// read the second and the third event in the order of their timestamps, which put a snapshot of two
// of three events.
func TestWithADefinitionTheSnapshotIsComparedWithAReplay(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.event(stamp(1), 1, "added")
	l.event(stamp(3), 2, "added")
	l.event(stamp(2), 3, "added")
	l.exec(`INSERT INTO snapshots VALUES ($1, 2, '{"value": 4}')`, id[:]) // 1 and 3
	code, out := l.runWith([]Kind{Of(counter)}, id.String())
	require.Equal(t, exitWrong, code)
	require.Contains(t, out, `snapshot at 2 {"value": 4} (compared with a replay)
       ! snapshot at sequence 2 holds another state than the log gives: {"value": 4}, not {"value": 3}
`)
	l.exec(`UPDATE snapshots SET body = '{"value": 3}'`)
	_, out = l.runWith([]Kind{Of(counter)}, id.String())
	require.Contains(t, out, "snapshot at 2 {\"value\": 3} (compared with a replay)\n3 events", "the right one, whoever made it")

	l.exec(`UPDATE event_log SET body = '{"by": "two"}' WHERE sequence = 2`)
	_, out = l.runWith([]Kind{Of(counter)}, id.String())
	require.Contains(t, out, "! unreadable: ")
}

func TestWhichDefinitionAnAggregateIsOfItsEventsTell(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.event(stamp(1), 1, "added")
	l.snapshot(1)
	other := counter
	other.Name, other.Events = "other", aggregate.Events[counted]{"renamed": aggregate.Event(func(s counted, _ added) counted { return s })}
	_, out := l.runWith([]Kind{Of(other)}, id.String())
	require.Contains(t, out, "(not compared with a replay)", "nobody knows the events")
	_, out = l.runWith([]Kind{Of(other), Of(counter)}, id.String())
	require.Contains(t, out, "(compared with a replay)\n1 event, sequences 1 to 1: nothing wrong")

	var text, complaints bytes.Buffer
	require.Equal(t, exitWrong, run(t.Context(), []string{"-database", l.url, "-root", "other", id.String()}, &text, &complaints, Of(other), Of(counter)))
	require.Contains(t, text.String(), "! unreadable: ")
	require.Equal(t, exitUsage, run(t.Context(), []string{"-root", "none", id.String()}, &text, &complaints, Of(other), Of(counter)))
	require.Contains(t, complaints.String(), `-root "none" is none of other, counter`)
	broken := counter
	broken.Events = nil
	require.Equal(t, exitUnread, run(t.Context(), []string{"-database", l.url, "-root", "counter", id.String()}, &text, &complaints, Of(broken)))
	require.Contains(t, complaints.String(), "replay as counter: ")
}

// A program that calls pgxpool.New with its URL sets the pool there.
func TestAURLThatSetsAPoolIsTaken(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.event(stamp(1), 1, "added")
	with, err := url.Parse(l.url)
	require.NoError(t, err)
	values := with.Query()
	values.Set("pool_max_conns", "8")
	with.RawQuery = values.Encode()
	l.url = with.String()
	code, out := l.run(id.String())
	require.Equal(t, exitGood, code)
	require.Contains(t, out, "1 event, sequences 1 to 1: nothing wrong")
}

func TestArgumentsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for text, args := range map[string][]string{
		"want one aggregate id":    {},
		"got 2 arguments":          {id.String(), id.String()},
		"hlc":                      {"17"},
		"not a range":              {"-from", "3", "-to", "2", id.String()},
		"-from 0":                  {"-from", "0", id.String()},
		"flag provided but not de": {"-colour", id.String()},
	} {
		var out, complaints bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), args, &out, &complaints), text)
		require.Contains(t, complaints.String(), text)
		require.Empty(t, out.String())
	}
	var out, help bytes.Buffer
	require.Equal(t, exitGood, run(t.Context(), []string{"-h"}, &out, &help))
	require.Contains(t, help.String(), "usage: maestro-inspect [flags] ID")
}

func TestADatabaseThatCannotBeReadIsNotAFaultOfTheLog(t *testing.T) {
	t.Parallel()
	url, _ := pgtest.Schema(t)
	for text, args := range map[string][]string{
		"look for table":  {"-database", url, id.String()},
		"maestro-inspect": {"-database", "postgres://127.0.0.1:1/none?connect_timeout=2", id.String()},
		"cannot parse":    {"-database", "postgres://[", id.String()},
		"schema name":     {"-database", url, "-schema", strings.Repeat("x", 64), id.String()},
	} {
		var out, complaints bytes.Buffer
		require.Equal(t, exitUnread, run(t.Context(), args, &out, &complaints), text)
		require.Contains(t, complaints.String(), text)
	}
}

// full is a pipe whose reader left.
type full struct{}

var errFull = errors.New("nobody reads")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAnOutputThatIsClosedEndsTheWork(t *testing.T) {
	t.Parallel()
	l := newLog(t, nil)
	l.event(stamp(1), 1, "a")
	for _, extra := range []string{"-json=true", "-json=false"} {
		var complaints bytes.Buffer
		require.Equal(t, exitUnread, run(t.Context(), []string{"-database", l.url, extra, id.String()}, full{}, &complaints))
		require.Contains(t, complaints.String(), "nobody reads")
	}
}
