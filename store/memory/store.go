package memory

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// Kind is the StoreKind of the projections that this package runs.
const Kind = "memory"

// shardBits makes 256 shards: enough that 64 busy aggregates seldom share a lock, and few
// enough that a store for one test costs little (16 KiB).
const shardBits = 8

var (
	_ store.Adapter    = (*Store)(nil)
	_ store.CommandLog = (*Store)(nil)
	_ store.Redactor   = (*Store)(nil)
	_ store.Projector  = (*Store)(nil)
)

// Store is a [store.Adapter], [store.CommandLog] and [store.Redactor] in memory. Make it with
// [New]. It is safe for concurrent use and must not be copied. There is nothing to close.
type Store struct {
	shards     [1 << shardBits]shard
	timestamps timestamps

	// projecting has room for one: the commit, or the transaction, that may write into tables. It is a channel
	// and not a mutex, so that a context can end the wait.
	projecting chan struct{}
}

// New returns an empty store. Two supervisors on one store are like two processes on one database.
func New() *Store {
	return &Store{projecting: make(chan struct{}, 1)}
}

// StoreKind is Kind.
func (*Store) StoreKind() string { return Kind }

// shard holds a part of the aggregates. When several locks are held, they were taken in this
// order: shards by index, then timestamps by index, then tables.
type shard struct {
	mu      sync.Mutex
	streams map[hlc.Timestamp]*stream // guarded by mu, like all that is in the streams

	_ [64 - 16]byte // a cache line each: neighbours are locked by other processors
}

// stream returns the aggregate's stream, or nil if nothing is stored of it.
func (sh *shard) stream(id hlc.Timestamp) *stream { return sh.streams[id] }

// make returns the aggregate's stream, a new one if there is none.
func (sh *shard) make(id hlc.Timestamp) *stream {
	st := sh.streams[id]
	if st == nil {
		if sh.streams == nil {
			sh.streams = make(map[hlc.Timestamp]*stream)
		}
		st = new(stream)
		sh.streams[id] = st
	}
	return st
}

func (s *Store) shard(id hlc.Timestamp) *shard { return &s.shards[shardIndex(id)] }

func shardIndex(id hlc.Timestamp) int {
	return int(mix(binary.BigEndian.Uint64(id[:8]), id.Node()) >> (64 - shardBits))
}

// mix spreads all bits of both numbers into the upper ones of the result. The ids of one process differ in
// a few bits of the counter and the milliseconds only.
func mix(a, b uint64) uint64 {
	return (a ^ bits.RotateLeft64(b, 29)) * 0x9E3779B97F4A7C15
}
