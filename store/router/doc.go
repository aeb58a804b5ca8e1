// Package router deals aggregates to several stores, such as one Postgres server each.
//
// Every aggregate has a slot for ever, by a function of its id. Every slot has a store, by a table
// that can change. A [Store] is a [store.Adapter], so one supervisor works over all of them, and so
// do roots, projections, command IDs and redaction:
//
//	table := router.Deal(router.DefaultSlots, first, second, third)
//	s, err := router.New(table, nil)
//	sup, err := aggregate.NewSupervisor(s, nil)
//
// An aggregate is in one store, so everything that is promised for one aggregate still holds. Two
// promises are weaker: a timestamp is unique within a store, not across stores, and a transaction
// is on one server, so EvaluateTx takes only aggregates of that server. A server that is down takes
// down the commands of its own aggregates and no others.
//
// Read the example of [New], then [Store.Move], which gives a slot to another store while commands
// keep coming.
package router
