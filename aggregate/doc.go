// Package aggregate takes commands, evaluates them against up-to-date aggregates and commits the
// resulting events. Each aggregate has one total order of events, whichever of the processes that
// share a store wrote them.
//
// Read the package's example first: a counter on one screen. Then read [Definition], which
// describes a kind of aggregate completely, and the methods of [Root]. Package aggregatetest tests
// a definition. docs/guide.md is the way from an empty folder to production, with a table of all
// errors.
//
// # Words
//
//   - aggregate: one entity with its own history, named by a timestamp of a hybrid logical clock
//   - root: a kind of aggregate, [Root]: its state type, handlers and policies
//   - command: a wish to change one aggregate
//   - event: a fact; its sequence is 1, 2, 3 … within its aggregate
//   - uncommitted event: what a command handler returns; the root numbers and stamps it
//   - snapshot: the state at one sequence; it saves time and holds no information of its own
//   - projection: code that runs in the transaction that commits the events
//   - evaluate: run a command against the latest state and commit its events
//   - get: the state in memory, maybe stale; fetch: the state as of now, across processes
//   - replay: the state as it was
//   - hibernate: an idle aggregate gives its goroutine back; exit: it leaves memory
//
// # Use
//
// Make a [Supervisor] for a store and a [Root] for each kind of aggregate, then evaluate commands.
// Command handlers decide and have no other effect; event handlers apply and can't refuse. A
// handler may run more than once for one command, if another process was first. It never runs at
// the same time as another handler of the same aggregate in this process. A handler must not call
// its own aggregate: the call would block until its context ends.
//
// A handler must not keep or modify what it is given, except that an event handler may modify the
// state. A caller owns what it is handed.
//
// # Words of the code
//
//   - core: what reads, decides and commits for one aggregate; the live one is the host of those
//     that transactions have
//   - batch: the requests that a mailbox delivers together; round: a batch until all are answered
//   - attempt: deciding and committing once; a conflict leads to another
//   - draft: a state and its place in the log, before and after the commit that leads there
//   - turn: whoever has it runs handlers or changes the state; it is given back during a wait
//   - settle: find out what became of a commit whose answer got lost
package aggregate
