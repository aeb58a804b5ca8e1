// Package store says what the library needs of a database: the [Adapter]
// contract, its errors, and the few optional capabilities beside it.
//
// Package memory is its executable specification, package postgres the real one,
// and package storetest the suite that both pass. An application meets this
// package when it makes an adapter, lists projections or looks at an error; only
// the author of an adapter needs more.
//
// Read package postgres or memory if you use a store; [Adapter] and storetest.Run if you write one.
package store
