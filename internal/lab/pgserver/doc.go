// Package pgserver runs a throw-away PostgreSQL server from the server
// programs that are installed on this machine.
//
// It knows nothing of package testing, so that the benchmark and the fault
// injector use the same server as the tests do: a cluster of its own in a
// temporary directory, on a free loopback port, that can be stopped in every
// way a server can end, started again on the same data, and that is gone when
// the process that started it is gone, however that ended.
//
// A server can have standbys, which stream from it, which its commits wait for where
// they are to, and which can be promoted; an old primary joins again.
package pgserver
