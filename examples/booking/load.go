package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// client is a customer's program: it picks a key for each wish and repeats the wish, at whichever replica, until it
// has an answer. What it would show to a person is an answer that no repeat helps.
type client struct {
	http     *http.Client
	replicas func() []string // their URLs as of now, as a load balancer has them
}

// patience is how often a wish is repeated before a person is told.
const patience = 100

// send returns the answer to a wish.
func (c *client) send(ctx context.Context, path, key string, wish any) (status int, body []byte, err error) {
	data, err := json.Marshal(wish)
	if err != nil {
		return 0, nil, err
	}
	for range patience {
		all := c.replicas()
		status, body, err = c.once(ctx, all[rand.IntN(len(all))]+path, key, data)
		if err == nil && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout {
			return status, body, nil
		}
		select { // away, or going away
		case <-time.After(time.Duration(rand.IntN(50)) * time.Millisecond):
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
	return status, body, fmt.Errorf("no answer in %d tries: %d %s %w", patience, status, body, err)
}

func (c *client) once(ctx context.Context, url, key string, data []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Idempotency-Key", key)
	w, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	return w.StatusCode, body, err
}

// report is what a load came to.
type report struct {
	wishes, booked, refused, repeats, shown atomic.Int64
	errors                                  sync.Map // of texts
}

func (r *report) String() string {
	return fmt.Sprintf("%d wishes, %d booked, %d refused, %d repeated, %d errors that a client saw",
		r.wishes.Load(), r.booked.Load(), r.refused.Load(), r.repeats.Load(), r.shown.Load())
}

func (r *report) show(format string, args ...any) {
	r.shown.Add(1)
	r.errors.Store(fmt.Sprintf(format, args...), true)
}

// load books seats of some shows, with so many customers of so many wishes each, half of which are sent twice.
func load(ctx context.Context, c *client, prefix string, customers, wishes int) *report {
	r := &report{}
	var all sync.WaitGroup
	for i := range customers {
		all.Go(func() {
			show, err := c.openShow(ctx, fmt.Sprintf("%s-show-%d", prefix, i%4))
			if err != nil {
				r.show("open a show: %v", err)
				return
			}
			for n := range wishes {
				c.book(ctx, r, show, fmt.Sprintf("%s-%d-%d", prefix, i, n))
			}
		})
	}
	all.Wait()
	return r
}

const seatsOfAShow = 200

// openShow opens a show; all customers of it do.
func (c *client) openShow(ctx context.Context, key string) (id string, err error) {
	status, body, err := c.send(ctx, "/shows", key, OpenShow{key, seatsOfAShow})
	if err != nil || status != http.StatusOK {
		return "", fmt.Errorf("%d %s %w", status, body, err)
	}
	var opened struct{ ID string }
	return opened.ID, json.Unmarshal(body, &opened)
}

func (c *client) book(ctx context.Context, r *report, show, key string) {
	r.wishes.Add(1)
	wish := map[string][]int{"seats": {1 + rand.IntN(seatsOfAShow)}}
	status, body, err := c.send(ctx, "/shows/"+show+"/bookings", key, wish)
	switch {
	case err != nil:
		r.show("%v", err)
		return
	case status == http.StatusUnprocessableEntity:
		r.refused.Add(1)
		return // a wish that was refused and is sent again is a new one
	case status != http.StatusOK:
		r.show("%d %s", status, body)
		return
	}
	r.booked.Add(1)
	if rand.IntN(2) == 0 {
		return
	}
	r.repeats.Add(1)
	again, second, err := c.send(ctx, "/shows/"+show+"/bookings", key, wish)
	if err != nil || again != status || !bytes.Equal(second, body) {
		r.show("the answer to a repeat is another: %d %s %v, was %s", again, second, err, body)
	}
}
