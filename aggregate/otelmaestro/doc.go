// Package otelmaestro watches a supervisor with OpenTelemetry: [Hooks] become spans and
// measurements, and the metadata of an event leads back to its trace.
//
//	hooks, err := otelmaestro.Hooks(&otelmaestro.Options{Store: adapter})
//	sup, err := aggregate.NewSupervisor(adapter, &aggregate.Options{Hooks: hooks})
//
// It is a module of its own, so only an application that imports it depends on OpenTelemetry. Names
// are those of the semantic conventions 1.43, as far as they have any: of messaging (a command is a
// message that is processed, an event one that is sent) and of database clients (a commit and a
// load).
//
//	span, or measurement             kind      of what
//	evaluate ROOT                    consumer  a command, from its call to its answer
//	transact                         internal  a transaction of several aggregates, the same
//	commit event_log                 client    an attempt to commit
//	load event_log                   client    a read of a cold aggregate
//	messaging.process.duration       seconds   commands, by root, type and outcome
//	messaging.client.sent.messages   events    that were committed, by root
//	db.client.operation.duration     seconds   commits and loads, by root
//	maestro.transaction.duration     seconds   transactions, by outcome
//	maestro.aggregates               number    of aggregates in memory, by root
//	maestro.conflicts                commands  that another process was faster than, by root
//	maestro.panics                   number    of panics of handlers, by root
//	maestro.stuck                    number    of handlers that outlasted their caller, up to 1/s
//	maestro.snapshots.failed         number    of snapshots that could not be stored
//	maestro.log_went_back            number    of states that the log turned out not to have
//
// There are four attributes beside those of the conventions: maestro.root, maestro.aggregate (of
// spans only), maestro.command and maestro.outcome. The outcome is ok, rejected, conflict, unknown,
// abandoned or failed. A rejection is an answer, not an error. Every outcome but ok and rejected
// also has error.type.
//
// For Prometheus, give the meter provider go.opentelemetry.io/otel/exporters/prometheus as its
// reader, as module examples/otel of the library does. Read aggregate.Hooks next, for what the
// library tells.
package otelmaestro
