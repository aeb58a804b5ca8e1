// Package otelmaestro watches a supervisor with OpenTelemetry: [Hooks] become spans and measurements, and a trace is found again
// in the metadata of its events.
//
//	hooks, err := otelmaestro.Hooks(&otelmaestro.Options{Store: adapter})
//	sup := aggregate.NewSupervisor(adapter, &aggregate.Options{Hooks: hooks})
//
// It is a module of its own, so that the library brings OpenTelemetry to nobody who doesn't import it. Names are those of the semantic
// conventions 1.43 for messaging (a command is a message that is processed, an event one that is sent) and for database
// clients (a commit and a load), as far as they have any:
//
//	span, or measurement             kind      of what
//	evaluate ROOT                    consumer  a command, from its call to its answer
//	transact                         internal  a transaction of several aggregates, from its call to its answer
//	commit event_log                 client    an attempt to commit
//	load event_log                   client    a read of a cold aggregate
//	messaging.process.duration       seconds   commands, by root, type and outcome
//	messaging.client.sent.messages   events    that were committed, by root
//	db.client.operation.duration     seconds   commits and loads, by root
//	maestro.transaction.duration     seconds   transactions, by outcome
//	maestro.aggregates               number    of aggregates in memory, by root
//	maestro.conflicts                commands  that another process was faster than, by root
//	maestro.panics                   number    of panics of handlers, by root
//	maestro.stuck                    number    of handlers that outlasted their caller, at most one a second
//	maestro.snapshots.failed         number    of snapshots that could not be stored
//	maestro.log_went_back            number    of states that the log turned out not to have
//
// Beside the conventions' own attributes there are maestro.root, maestro.aggregate (of spans only), maestro.command, and maestro.outcome:
// ok, rejected, conflict, unknown, abandoned or failed. A rejection is an answer and no error. What isn't ok and no rejection has
// error.type as well.
//
// For Prometheus, give the meter provider go.opentelemetry.io/otel/exporters/prometheus as its reader; module examples/otel of the library
// does. Read aggregate.Hooks next, for what the library tells.
package otelmaestro
