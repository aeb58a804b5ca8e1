// Package aggregate takes commands, evaluates them against up-to-date aggregates and commits the
// events they lead to, in one total order per aggregate, from any number of processes that share
// a store.
//
// Read the package's example first: a counter on one screen. Then [Definition], which says all there
// is to say about a kind of aggregate, and the methods of [Root]. Package aggregatetest
// tests a definition; docs/guide.md is the way from an empty folder to production, with a table of all errors.
//
// # Words
//
//   - aggregate: one entity with its own history, named by a timestamp of a hybrid logical clock
//   - root: the kind, [Root]: state type, handlers and policies; many aggregates each
//   - command: a wish to change one aggregate
//   - event: a fact; its sequence is 1, 2, 3 … within its aggregate
//   - uncommitted event: what a command handler returns; the root numbers and stamps it
//   - snapshot: the state at one sequence; saves time, holds no information
//   - projection: code that runs in the transaction that commits the events
//   - evaluate: run a command against the latest state, commit its events
//   - get: the state in memory, maybe stale; fetch: the state as of now, across processes
//   - replay: the state as it was
//   - hibernate: an idle aggregate gives its goroutine back; exit: it leaves memory
//
// # Use
//
// Make a [Supervisor] for a store, a [Root] for each kind of aggregate, and evaluate
// commands. Command handlers decide and have no other effect; event handlers apply and can't
// refuse. A handler may run more than once for one command, when another process was
// first, and never concurrently with another handler of the same aggregate in this process.
//
// What a handler is given it must not keep or modify, but for the state that an event handler
// receives. What a caller is handed is its own.
package aggregate
