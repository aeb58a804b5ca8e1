package hlc_test

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A row of testdata/hlc-vectors.csv, which records what hlclock 1.1 does, the clock of
// the original. Its kinds and fields:
//
//	ts            milliseconds, counter, node, encoded, text
//	cmp           a, b, lt/eq/gt
//	send seqsend  clock's last, physical ms, result
//	recv seqrecv  clock's last, remote, physical ms, max drift ms, result or error
//	from_string   text, encoded
//	new_err       milliseconds, counter, node, error
//	nodeid        node name, default node id
type row struct {
	line   int
	kind   string
	fields []string
}

// text is the row as it is in the file.
func (r row) text() string { return r.kind + "," + strings.Join(r.fields, ",") }

// difference is a result of ours that a row does not have, on purpose.
type difference struct{ result, why string }

const (
	carries = "a full counter carries into the next millisecond instead of failing, " +
		"so 65,536 timestamps in a millisecond are no error"
	pastTheEnd  = "the one full counter that can't carry: there is no next millisecond in 48 bits"
	fiveDigits  = "years past 9999 have a text, behind a Y so that texts still sort, where the original raises"
	oneSpelling = "a timestamp has exactly one text, so that a text can serve as a key in a URL, " +
		"a cache or a map; the original's texts all have full width and upper case anyway"
	noGuess = "the original reads a counter that is no number as 0, which silently makes another timestamp"
)

// onPurpose has every row of which we assert something else than it says. The errors
// of a refused text or number are of our own kind everywhere; that is not listed.
var onPurpose = map[string]difference{
	"ts,253402300800000,0,0,e677d21fdc0000000000000000000000,RAISES FunctionClauseError": {
		"Y10000-01-01T00:00:00.000Z-0000-0000000000000000", fiveDigits,
	},
	"ts,281474976710655,0,0,ffffffffffff00000000000000000000,RAISES FunctionClauseError": {
		"Y10889-08-02T05:31:50.655Z-0000-0000000000000000", fiveDigits,
	},
	"ts,281474976710655,65535,18446744073709551615,ffffffffffffffffffffffffffffffff,RAISES FunctionClauseError": {
		"Y10889-08-02T05:31:50.655Z-FFFF-FFFFFFFFFFFFFFFF", fiveDigits,
	},

	"send,00000000000affff0000000000000007,9,max_counter_violation":                                    {"00000000000b00000000000000000007", carries},
	"send,00000000000affff0000000000000007,10,max_counter_violation":                                   {"00000000000b00000000000000000007", carries},
	"send,01a1ffa29b0bffff0000000000000007,1795290209035,max_counter_violation":                        {"01a1ffa29b0c00000000000000000007", carries},
	"send,01a1ffa29b0effff0000000000000007,1795290209035,max_counter_violation":                        {"01a1ffa29b0f00000000000000000007", carries},
	"send,01a1ffa29b0dffff0000000000000007,1795290209037,max_counter_violation":                        {"01a1ffa29b0e00000000000000000007", carries},
	"send,01a1ffa29b0cffff0000000000000007,1795290209036,max_counter_violation":                        {"01a1ffa29b0d00000000000000000007", carries},
	"send,01a1ffa29b0affff0000000000000007,1795290209034,max_counter_violation":                        {"01a1ffa29b0b00000000000000000007", carries},
	"send,01a1ffa29b0bffff0000000000000007,1795290209034,max_counter_violation":                        {"01a1ffa29b0c00000000000000000007", carries},
	"send,ffffffffffffffff0000000000000007,1795290209036,max_counter_violation":                        {"end_of_range", pastTheEnd},
	"recv,00000000000affff0000000000000000,000000000009ffff0000000000000001,9,5,max_counter_violation": {"00000000000b00000000000000000000", carries},
	"recv,00000000000a00000000000000000000,00000000000affff0000000000000001,9,5,max_counter_violation": {"00000000000b00000000000000000000", carries},
	"recv,00000000000900000000000000000000,00000000000affff0000000000000001,9,5,max_counter_violation": {"00000000000b00000000000000000000", carries},

	"from_string,2026-11-21T19:43:29.036Z-0001-000000000547b5a1,01a1ffa29b0c0001000000000547b5a1": {"refused", oneSpelling},
	"from_string,2026-11-21T19:43:29.036Z-0001-547b5a1,01a1ffa29b0c0001000000000547b5a1":          {"refused", oneSpelling},
	"from_string,2026-11-21T19:43:29.036Z-1-000000000547B5A1,01a1ffa29b0c0001000000000547b5a1":    {"refused", oneSpelling},
	"from_string,2026-11-21T19:43:29.036Z-00G1-000000000547B5A1,01a1ffa29b0c0000000000000547b5a1": {"refused", noGuess},
}

func readVectors(t *testing.T) []row {
	t.Helper()
	f, err := os.Open("testdata/hlc-vectors.csv")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	require.NoError(t, err)
	rows := make([]row, len(records))
	for i, record := range records {
		fields := record[1:]
		if record[0] == "from_string" { // its errors have commas of their own
			fields = []string{record[1], strings.Join(record[2:], ",")}
		}
		rows[i] = row{line: i + 1, kind: record[0], fields: fields}
	}
	return rows
}

func TestEveryVectorOfTheOriginalHoldsOrDiffersOnPurpose(t *testing.T) {
	t.Parallel()
	checks := map[string]func(*testing.T, row, string){
		"ts": checkTimestamp, "cmp": checkCompare, "from_string": checkFromString,
		"new_err": checkNewError, "nodeid": checkNodeID,
		"send": checkSend, "seqsend": checkSend, "recv": checkRecv, "seqrecv": checkRecv,
	}
	counts, differing := map[string]int{}, map[string]bool{}
	for _, r := range readVectors(t) {
		check, known := checks[r.kind]
		require.True(t, known, "line %d is of kind %q", r.line, r.kind)
		counts[r.kind]++
		want := r.fields[len(r.fields)-1]
		if d, differs := onPurpose[r.text()]; differs {
			require.NotEqual(t, want, d.result, "line %d does not differ", r.line)
			require.NotEmpty(t, d.why)
			want = d.result
			differing[r.text()] = true
		}
		require.Equal(t, fieldsOf[r.kind], len(r.fields), "line %d", r.line)
		check(t, r, want)
	}
	require.Equal(t, map[string]int{
		"ts": 200, "cmp": 80, "send": 51, "recv": 72, "seqsend": 34, "seqrecv": 35,
		"from_string": 12, "new_err": 6, "nodeid": 9,
	}, counts)
	total := 0
	for _, n := range counts {
		total += n
	}
	require.Equal(t, 499, total)
	require.Len(t, differing, len(onPurpose), "a difference that no row shows")
}

var fieldsOf = map[string]int{
	"ts": 5, "cmp": 3, "send": 3, "recv": 5, "seqsend": 3, "seqrecv": 5,
	"from_string": 2, "new_err": 4, "nodeid": 2,
}
