// Package types holds the values that travel between an application, its
// aggregates and a store: [Command], [Uncommitted], [Event], [Snapshot],
// [Sequence] and [Metadata].
//
// Read [Command] and [New] to write handlers, [Event] to write projections, and [WithMetadata] to
// say who asked. What is done with these values is in package aggregate.
//
// They are plain data without behaviour. Two rules hold for all of them: a body
// is JSON, and a value that was handed to the library or received from it is
// never modified by the other side afterwards.
package types
