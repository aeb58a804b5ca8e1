package postgres

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/internal/pgname"
	"github.com/eventmaestro/maestro/types"
)

// Defaults of Options.
const (
	DefaultCommitters    = 2
	DefaultMaxBatch      = 128
	DefaultCommitTimeout = 10 * time.Second
	DefaultLockTimeout   = 5 * time.Second
)

// Options of a Store. The zero value is good for the tables that Maestro makes.
type Options struct {
	// Schema holds the tables. If it is empty, they are found through the connection's search_path.
	Schema string

	// Metadata says that the optional metadata column exists. Without it the metadata of
	// events is neither written nor read.
	Metadata bool

	// Commands says that the optional table of command IDs exists. Without it a commit
	// with command IDs is store.ErrUnsupported.
	Commands bool

	// Committers is how many shared statements may be under way at once. With more of them fewer
	// commits share a statement. If other processes often write to the same aggregates, that is
	// better, and there may be up to 8 if the pool has the connections. With Distributed, where
	// commits share no statement, there may be up to 16. 0 means DefaultCommitters.
	Committers int

	// MaxBatch is how many commits share a statement at most. 0 means DefaultMaxBatch; 1 turns sharing
	// off.
	MaxBatch int

	// CommitTimeout bounds the wait for the database's answer to a commit that was sent, and the
	// wait for a connection on behalf of other callers. When the former is over, the outcome is
	// unknown. 0 means DefaultCommitTimeout.
	CommitTimeout time.Duration

	// LockTimeout bounds how long a commit waits for another transaction that is about to store the
	// same sequence. When it is over, the commit is not stored and the error is
	// store.ErrUnavailable. It should be shorter than CommitTimeout. 0 means DefaultLockTimeout.
	LockTimeout time.Duration

	// Distributed says that the tables are spread over several servers by aggregate_id, as Citus
	// does with those of maestro-migrations -sharded. Each commit then travels in statements of its
	// own, which one server can carry out alone, and commits that wait at the same moment share a
	// round trip instead of a statement. Validate finds Citus' tables by itself. The option is
	// correct everywhere, but slower on a single server.
	Distributed bool

	// Replica is a pool on a hot standby of the server, which takes long reads off that server.
	// Root.History, Replay, ReplayAt and Inspect read there what the standby has, and the rest from
	// the primary, so they are no later than without it. Everything that decides, commits or
	// promises the state as of now asks the primary alone. The application owns the pool; its
	// connections may be to any of several standbys. Nil means none.
	Replica *pgxpool.Pool

	// Logger is told what an operator should know and no caller hears. Nil means none.
	Logger *slog.Logger
}

// withDefaults returns a copy with every zero replaced, or what is wrong with a field.
func (o *Options) withDefaults() (Options, error) {
	if o == nil {
		o = &Options{}
	}
	full := *o
	switch {
	case o.Committers < 0:
		return full, &types.OptionsError{Package: "postgres", Field: "Options.Committers", Reason: fmt.Sprintf("is %d: use 1 or more, or 0 for the default", o.Committers)}
	case o.MaxBatch < 0:
		return full, &types.OptionsError{Package: "postgres", Field: "Options.MaxBatch", Reason: fmt.Sprintf("is %d: use 1 or more, or 0 for the default", o.MaxBatch)}
	case o.CommitTimeout < 0:
		return full, &types.OptionsError{Package: "postgres", Field: "Options.CommitTimeout", Reason: fmt.Sprintf("is %v: use a positive duration, or 0 for the default", o.CommitTimeout)}
	case o.LockTimeout < 0 || o.LockTimeout > 0 && o.LockTimeout < time.Millisecond:
		return full, &types.OptionsError{Package: "postgres", Field: "Options.LockTimeout", Reason: fmt.Sprintf("is %v: use a millisecond or more, or 0 for the default", o.LockTimeout)}
	case o.Schema != "" && pgname.Refusal(o.Schema) != "":
		return full, &types.OptionsError{Package: "postgres", Field: "Options.Schema", Reason: pgname.Refusal(o.Schema)}
	}
	full.Committers = cmp.Or(o.Committers, DefaultCommitters)
	full.MaxBatch = cmp.Or(o.MaxBatch, DefaultMaxBatch)
	full.CommitTimeout = cmp.Or(o.CommitTimeout, DefaultCommitTimeout)
	full.LockTimeout = cmp.Or(o.LockTimeout, DefaultLockTimeout)
	full.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return full, nil
}
