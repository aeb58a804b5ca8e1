// Package aggregatetest tests a definition: given events, when a command, then events, state or an error.
//
//	aggregatetest.New(t, definition).
//		Given(types.New("counter_incremented", CounterIncremented{By: 2})).
//		When("increment_counter", Increment{By: 3}).
//		Then(types.New("counter_incremented", CounterIncremented{By: 3})).
//		ThenState(Counter{Value: 5})
//
// It runs the library itself on a store in memory, so what passes here is what a program does. It
// needs no test framework but the standard library's. Read the package's example to see what a failure
// says, and [Case] for all that can be given and demanded.
//
// # What is checked on the way
//
// Every When also checks what a definition must keep and a test seldom asks for. Every event that a command handler
// returns has an event handler, which can apply it. The others are each a [Check] that [Case.Without] turns off:
//
//   - [CheckUnchanged]: a command handler doesn't change the state
//   - [CheckBodies]: an event's body survives its stored form: what is encoded and decoded again is the same
//   - [CheckOwnership]: an event handler neither changes the event's body nor keeps it, and what it does to one
//     copy of the state doesn't show in another
//   - [CheckReplay]: the state in memory is the state that the log gives after a cold start
//   - [CheckSnapshots]: the same comes of a snapshot and the events after it
//
// States are compared field by field, unexported ones included. Nil and empty slices and maps are the same: a
// snapshot does not tell them apart either. Values behind interfaces have to have the same type.
//
// [Golden] is for the day the code changes: it fails when what an older version stored is not read as it was.
//
// [Transaction] tests a function for [aggregate.Supervisor.Transact]: given events of several aggregates, when it runs, then events of
// each, or an error.
//
// # What is the same in every run
//
// The aggregate's id and the time: the clock stands still at [Epoch] until [Case.At] moves it, and
// what it issues counts up. Idle and snapshot policies of the definition are left out, and so are projections, until
// [Case.On] gives the case the store that they write to.
package aggregatetest
