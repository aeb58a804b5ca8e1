// Package router deals aggregates to several stores, such as one Postgres server each.
//
// Every aggregate has a slot, by a function of its id, for ever; every slot has a store, by a table
// that can change. A [Store] is a [store.Adapter], so one supervisor works over all of them, and so do
// roots, projections, command IDs and redaction:
//
//	table := router.Deal(router.DefaultSlots, first, second, third)
//	s, err := router.New(table, nil)
//	sup := aggregate.NewSupervisor(s, nil)
//
// All that is promised for one aggregate holds as before, for an aggregate is in one store. Two things are
// less: a timestamp is unique within a store, not across them, and a transaction is on one server, so that
// EvaluateTx takes aggregates of that server only. A server that is down takes the commands of its own
// aggregates with it and no others.
//
// Read the example of [New], then [Store.Move], which gives a slot to another store while commands
// keep coming.
package router
