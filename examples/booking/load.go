package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// client is a customer's program: it picks a key for each wish and repeats the wish, at whichever
// replica, until it has an answer. What it would show to a person is an answer that no repeat
// helps.
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

// ready waits until all replicas say that they are.
func (c *client) ready(ctx context.Context) error {
	for _, url := range c.replicas() {
		for tries := 0; ; tries++ {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/ready", nil)
			if err != nil {
				return err
			}
			w, err := c.http.Do(r)
			if err == nil {
				_ = w.Body.Close()
				if w.StatusCode == http.StatusOK {
					break
				}
				err = errors.New(w.Status)
			}
			if tries == 6*patience { // a minute
				return fmt.Errorf("%s is not ready: %w", url, err)
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// report is what a load came to.
type report struct {
	wishes, booked, blocked, refused, early, repeats, shown atomic.Int64

	errors sync.Map // of texts
}

func (r *report) String() string {
	return fmt.Sprintf("%d wishes, %d booked, %d blocked, %d refused, %d too early, %d repeated, %d errors that a client saw",
		r.wishes.Load(), r.booked.Load(), r.blocked.Load(), r.refused.Load(), r.early.Load(), r.repeats.Load(), r.shown.Load())
}

func (r *report) show(format string, args ...any) {
	r.shown.Add(1)
	r.errors.Store(fmt.Sprintf(format, args...), true)
}

// wishesAShow is how many wishes a customer has of one show.
const wishesAShow = 50

// load books seats of shows, with so many customers at a time, each for as long as more says so of
// the number of its wishes. Half of what is booked is sent twice. Now and then somebody blocks a
// seat, which a replica may be too old for.
func load(ctx context.Context, c *client, prefix string, customers int, more func(wishes int) bool) *report {
	r := &report{}
	var all sync.WaitGroup
	for i := range customers {
		all.Go(func() {
			var show string
			for n := 0; more(n); n++ {
				if n%wishesAShow == 0 {
					var err error
					if show, err = c.openShow(ctx, showKey(prefix, i%4, n/wishesAShow)); err != nil {
						r.show("open a show: %v", err)
						return
					}
				}
				key := fmt.Sprintf("%s-%d-%d", prefix, i, n)
				if n%10 == 9 {
					c.block(ctx, r, show, key)
				} else {
					c.book(ctx, r, show, key)
				}
			}
		})
	}
	all.Wait()
	return r
}

// showKey is the key of the n-th show in a hall.
func showKey(prefix string, hall, n int) string { return fmt.Sprintf("%s-show-%d-%d", prefix, hall, n) }

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

// block blocks a seat where the replica that is asked knows how to.
func (c *client) block(ctx context.Context, r *report, show, key string) {
	r.wishes.Add(1)
	status, body, err := c.send(ctx, "/shows/"+show+"/block", key, BlockSeats{[]int{1 + rand.IntN(seatsOfAShow)}})
	switch {
	case err != nil:
		r.show("%v", err)
	case status == http.StatusOK:
		r.blocked.Add(1)
	case status == http.StatusUnprocessableEntity:
		r.refused.Add(1)
	case status == http.StatusNotFound && bytes.Contains(body, []byte("there is no command")):
		r.early.Add(1)
	default:
		r.show("block: %d %s", status, bytes.TrimSpace(body))
	}
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
		r.show("book: %d %s", status, bytes.TrimSpace(body))
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
