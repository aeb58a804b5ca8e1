// Package store says what the library needs of a database: the [Adapter] contract, its errors, and
// a few optional capabilities.
//
// Package memory is the executable specification of the contract, package postgres is for
// production, and package storetest is the suite that both pass. An application meets this package
// when it makes an adapter, lists projections or looks at an error. Only the author of an adapter
// needs more.
//
// Read package postgres or memory if you use a store; [Adapter] and storetest.Run if you write one.
package store
