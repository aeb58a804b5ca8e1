// Package sim runs the library's own code, three nodes of it on one store, in a world where a seed
// decides everything that is left to chance elsewhere: which goroutine goes on, which call of the
// store fails and how, whose clock is an hour off, who crashes, and when time passes.
//
// After a run the whole history is compared with what the laws of [reliability.md] promise. A seed
// that fails, fails again: the run is one synctest bubble, every call of the store and every
// handler that asks for it waits at a gate, and the driver lets them pass one at a time. Nothing
// else in the library depends on the order in which goroutines run, but who gets room first where
// Options.MaxLive is spent; that bound is left to the tests of package aggregate.
//
//	go test ./internal/lab/sim -run TestSeeds -seeds=20000   as many as asked
//	go test ./internal/lab/sim -run TestSeeds -seed=17       that one, with its trace
//
// The same scenes, callers and judge also run on a real server, behind the proxy of package pgproxy
// (TestSeedsOnPostgres): there only what is asked and which messages are cut follows from the seed.
//
// The checks are themselves checked: TestBrokenWorldsAreCaught breaks each law on purpose.
//
// [reliability.md]: https://github.com/eventmaestro/maestro/blob/main/docs/reliability.md
package sim
