package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// heartbeat is after how long a silent stream says that it is alive.
const heartbeat = 15 * time.Second

// stream shows an open page what happens to its graph, in this process and in others, as
// server-sent events. It asks the store now and then whether there is an event after the
// last one shown: one look-up in an index, for one graph, as long as a page has it open.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	id, err := pathID(r)
	if err == nil {
		err = s.mustExist(r.Context(), id)
	}
	if err != nil {
		s.answer(func(http.ResponseWriter, *http.Request) (any, error) { return nil, err })(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	seen := lastSeen(r)
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	out, last := http.NewResponseController(w), time.Time{}
	for {
		var text string
		switch v, err := s.news(r.Context(), id, seen); {
		case r.Context().Err() != nil:
			return
		case err != nil:
			text = message("trouble", seen, s.refuse(r, err))
		case v != nil:
			seen = v.Sequence
			text = message("change", seen, v)
		case time.Since(last) >= heartbeat:
			text = ": still here\n\n"
		}
		if text != "" {
			last = time.Now()
			if _, err := w.Write([]byte(text)); err != nil || out.Flush() != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.ended:
			return
		}
	}
}

// news returns the present if there is an event after seen, else nil.
func (s *Server) news(ctx context.Context, id hlc.Timestamp, seen types.Sequence) (*view, error) {
	if there, err := s.has(ctx, id, seen+1); err != nil || !there {
		return nil, err
	}
	return s.view(ctx, id, seen)
}

// lastSeen is where a page goes on that has lost its stream, or begins one with something in hand.
func lastSeen(r *http.Request) types.Sequence {
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")} {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
			return types.Sequence(n)
		}
	}
	return 0
}

// message is one event of the stream. What it carries is one line, as JSON is.
func message(kind string, seen types.Sequence, body any) string {
	line, err := json.Marshal(body)
	if err != nil {
		panic(err) // all fields are plain data
	}
	return fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", kind, seen, line)
}
