// Package aggregatetest tests a definition: given events, when a command comes, then events, a
// state or an error follow.
//
//	aggregatetest.New(t, definition).
//		Given(types.NewEvent("counter_incremented", CounterIncremented{By: 2})).
//		When("increment_counter", Increment{By: 3}).
//		Then(types.NewEvent("counter_incremented", CounterIncremented{By: 3})).
//		ThenState(Counter{Value: 5})
//
// It runs the library itself on a store in memory, so what passes here is what a program does. It
// needs no test framework but the standard library's. Read the package's example to see the text of
// a failure, and [Case] for everything that can be given and demanded.
//
// # What is checked on the way
//
// Every When also checks rules that a definition must keep and that tests seldom ask for. Every
// event that a command handler returns must have an event handler that can apply it. Each of the
// other rules is a [Check], which [Case.Without] turns off:
//
//   - [CheckUnchanged]: a command handler doesn't change the state
//   - [CheckBodies]: an event's body is the same after it was encoded and decoded
//   - [CheckOwnership]: an event handler neither changes the event's body nor keeps it, and a
//     change of one copy of the state doesn't show in another copy
//   - [CheckReplay]: the state in memory is the state that the log gives after a cold start
//   - [CheckSnapshots]: a snapshot and the events after it give the same state
//
// States are compared field by field, including unexported fields. Nil and empty slices and maps
// are equal, because a snapshot does not tell them apart either. Values behind interfaces must have
// the same type.
//
// [Golden] guards against changes of the code: it fails if the code no longer reads what an older
// version stored.
//
// [Transaction] tests a function for [aggregate.Supervisor.Transact]: given events of several
// aggregates, when the function runs, then events of each or an error follow.
//
// # What is the same in every run
//
// The aggregate's id is always the same, and so is the time: the clock stands still at [Epoch]
// until [Case.At] moves it, and its timestamps count up. Idle and snapshot policies of the
// definition are left out. Projections are left out too, unless [Case.On] gives the case the store
// that they write to.
package aggregatetest
