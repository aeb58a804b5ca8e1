package main

import "context"

// benchmark is one line of the output.
type benchmark struct {
	name, what, limit string
	target            float64 // the ratio to reach
	unit              unit
	run               func(ctx context.Context, l *lab) (outcome, error)
}

// cases in the order in which they run: the longer one waits for the database, the earlier.
var cases = []benchmark{
	{"one", "1 aggregate, 1 caller", "raw INSERT, 1 connection", 0.90, perSecond, one},
	{"spread64", "64 aggregates, 64 callers", "raw INSERT, best pool", 3, perSecond, spread(64, 64)},
	{"spread1000", "1,000 aggregates, 256 callers", "raw INSERT, best pool", 5, perSecond, spread(1000, 256)},
	{"hot", "1 aggregate, 64 callers", "raw INSERT, 1 connection", 15, perSecond, hot},
	{"contended", "2 processes on the same 16 aggregates, 32 callers each", "raw INSERT, best pool", 0.5, perSecond, contended},
	{"hot2", "1 aggregate, 2 processes of 16 callers", "1 process of as many callers", 0.5, perSecond, hotProcesses(2)},
	{"hot4", "1 aggregate, 4 processes of 16 callers", "1 process of as many callers", 0.25, perSecond, hotProcesses(4)},
	{"hot8", "1 aggregate, 8 processes of 16 callers", "1 process of as many callers", 0.15, perSecond, hotProcesses(8)},
	{"replicas2", "64 aggregates, 64 callers, each command on one of 2 replicas", "1 replica", 0.6, perSecond, replicas(2, crowd{64, 64, 0})},
	{"replicas4", "the same, 4 replicas", "1 replica", 0.6, perSecond, replicas(4, crowd{64, 64, 0})},
	{"replicas8", "the same, 8 replicas", "1 replica", 0.6, perSecond, replicas(8, crowd{64, 64, 0})},
	{"replicas2wide", "1,000 aggregates, 256 callers, each command on one of 2 replicas", "1 replica", 0.6, perSecond, replicas(2, crowd{1000, 256, 0})},
	{"replicas4wide", "the same, 4 replicas", "1 replica", 0.6, perSecond, replicas(4, crowd{1000, 256, 0})},
	{"replicas8wide", "the same, 8 replicas", "1 replica", 0.6, perSecond, replicas(8, crowd{1000, 256, 0})},
	{"routed64", "64 aggregates, 64 callers, each commit in a statement of its own, as for a distributed database", "shared statements", 0.5, perSecond, routed(crowd{64, 64, 0})},
	{"projection", "64 aggregates, 64 callers, one batched SQL projection per event", "BEGIN, two INSERTs, COMMIT in one round trip, best pool", 1, perSecond, projection},
	{"transact1", "transactions of 1 caller: 2 warm aggregates and an UPDATE", "BEGIN, two INSERTs, UPDATE, COMMIT in one round trip", 0.7, perSecond, transactions(bookings{2, 1, false})},
	{"transact64", "the same of 64 callers on 1,000 aggregates", "the same, best pool", 0.7, perSecond, transactions(bookings{1000, 64, false})},
	{"transacthot", "the same of 64 callers, one of the two aggregates shared by all", "the same behind SELECT FOR UPDATE, best pool", 0.5, perSecond, transactions(bookings{130, 64, true})},
	{"cold", "cold start of an aggregate with 10,000 events", "raw scan, encoding/json", 0.80, perSecond, cold},
	{"tail", "a tail goes through 300,000 events, 10,000 a transaction", "a bare cursor over the same rows", 0.70, perSecond, tailing},
	{"tailwrites", "64 aggregates, 64 callers, with the column and the index of tails", "the same without", 0.97, perSecond, tailWriters},
	{"fairness", "63 aggregates flood with 4 callers each: p99 of the 64th", "5 x the median of their commits", 1, nanoseconds, fairness},
	{"badbodies", "16 aggregates, 64 callers, 1 % of the bodies are refused in Go: the other 99 %", "the same without", 0.5, perSecond, badBodies},
	{"badrows", "64 callers of the store, 1 % of the bodies are refused by the server: the other 99 %", "the same without", 0.5, perSecond, badRows},
	{"memory1", "memory store, 1 aggregate, 1 caller", "channel request and reply, json encode and decode", 0.30, perSecond, memoryCase(1)},
	{"memory64", "memory store, 64 aggregates, 64 callers", "the same with 64 of each", 0.25, perSecond, memoryCase(64)},
	{"clock1", "clock, 1 goroutine", "time.Now and one compare-and-swap", 0.80, perSecond, clockCase(1)},
	{"clock64", "clock, 64 goroutines", "the same", 0.80, perSecond, clockCase(64)},
	{"allocs", "allocations per warm command, memory store", "12", 1, plainCount, allocations},
	{"idle", "memory of a hibernated aggregate beside its state, of 1,000,000", "400 bytes", 1, byteCount, idle},
	{"waiting", "memory of a caller who waits for room in a full mailbox and of his goroutine, of 1,000,000", "8 KiB", 1, byteCount, waiting},
	{"live", "memory of a live aggregate and its goroutine, of 100,000", "6 KiB", 1, byteCount, live},
}

// unit is what the figures of a case are in.
type unit int

const (
	perSecond   unit = iota // more is better
	nanoseconds             // less is better, as in the following
	byteCount
	plainCount
)

// ratio compares so that more is better.
func (u unit) ratio(ours, limit float64) float64 {
	if u == perSecond {
		return ours / limit
	}
	return limit / ours
}
