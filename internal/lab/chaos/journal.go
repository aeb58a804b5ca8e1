package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// entry is a line of a writer's journal: what it is about to ask, or what it was told.
type entry struct {
	Kind   string `json:"k"` // asked, told, live, paths, clock
	Op     int    `json:"op,omitempty"`
	At     int64  `json:"t,omitempty"` // nanoseconds of this machine's clock
	Period int    `json:"p"`
	Index  int    `json:"i"`

	// asked
	request
	ID   string `json:"id,omitempty"` // the command's
	Read bool   `json:"read,omitempty"`
	Pair string `json:"pair,omitempty"` // of the two commands of a transaction

	// told
	Class  string   `json:"c,omitempty"`
	State  *counter `json:"s,omitempty"`
	Stamps []string `json:"stamps,omitempty"`
	Err    string   `json:"err,omitempty"`

	// paths
	Paths map[string]int `json:"paths,omitempty"`

	// live: State is what was in memory, Replayed what the store leads to
	Replayed *counter `json:"r,omitempty"`
}

// Classes of answers.
const (
	acked       = "acked"
	rejected    = "rejected"    // by the handler
	ended       = "ended"       // by the caller's own context, before anything was sent
	unavailable = "unavailable" // store.ErrUnavailable: definitely not stored, and worth another try
	unknown     = "unknown"     // the outcome is
	wrong       = "wrong"       // a definite error that the caller should not have seen
)

// journal is a file that survives a SIGKILL of its writer: each line is one call of write.
type journal struct {
	mu   sync.Mutex
	file *os.File // guarded by mu
}

func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	return &journal{file: f}, err
}

func (j *journal) write(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// op is one operation, as the journals tell it.
type op struct {
	writer string
	asked  entry
	told   *entry // nil: the writer was killed before it heard
}

// readJournals reads what all writers wrote. A line that a kill cut short was not told to anybody.
func readJournals(dir string) (r *record, err error) {
	r = newRecord()
	paths, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		byNumber := map[int]*op{}
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		var broken error
		for lines.Scan() {
			if broken != nil {
				return nil, fmt.Errorf("%s: in the middle: %w", path, broken)
			}
			var e entry
			if broken = json.Unmarshal(lines.Bytes(), &e); broken != nil {
				continue
			}
			switch e.Kind {
			case "asked":
				o := &op{writer: filepath.Base(path), asked: e}
				byNumber[e.Op] = o
				r.ops = append(r.ops, o)
			case "told":
				byNumber[e.Op].told = &e
			case "live":
				r.live = append(r.live, e)
			case "paths":
				for name, n := range e.Paths {
					r.paths[name] += n
				}
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		_ = f.Close()
	}
	return r, nil
}

func now() int64 { return time.Now().UnixNano() }
