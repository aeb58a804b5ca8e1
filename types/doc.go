// Package types holds the values that travel between an application, its aggregates and a store:
// [Command], [Uncommitted], [Event], [Snapshot], [Sequence] and [Metadata].
//
// Read [Command] and [New] to write handlers, [Event] to write projections, and [WithMetadata] to
// say who asked. Package aggregate says what is done with these values.
//
// They are plain data without behaviour. Two rules hold for all of them. A body is JSON. And once a
// value was handed to the library or received from it, the other side never modifies it.
package types
