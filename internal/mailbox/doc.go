// Package mailbox delivers requests to whoever owns a mailbox, in order and a batch at a time, in a
// goroutine that is there only while there is something to do. It knows nothing of what it
// delivers.
//
// A [Registry] finds the mailboxes that are live, starts those that are not, and bounds how many
// there are. A [Family] is what mailboxes of one kind have in common: how much they hold, and what
// becomes of one that nobody asks for. It gives its goroutine back, and later leaves memory. No
// request is lost between a leave and a start.
//
// The life of a [Request] is a few phases, each entered by a compare-and-swap. So mailbox and
// caller always agree on who decides: whoever is served, or leaves because its context ended.
package mailbox
