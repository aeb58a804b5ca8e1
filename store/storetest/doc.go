// Package storetest is for tests: of stores, and of code that uses one.
//
// Read [Run] if you write a store. Read [Faults] to see what your application does when a database
// is away or its answer gets lost.
//
// [Run] is the specification of a [store.Adapter], as a suite that every adapter passes. The author
// of an adapter describes it with a [Harness]:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			New:   func(t testing.TB) store.Adapter { return mystore.New() },
//			Lacks: []storetest.Feature{storetest.FeatureTransactions},
//		})
//	}
//
// [Faults] is an adapter around another one. It fails as a database and a network do, by a seed or
// by a script, and so shows how an application, or the library itself, copes with lost answers.
//
// The package imports testing, so what ships must not import it.
package storetest
