// Package pgtest gives a test a throw-away Postgres.
//
// The server is, in this order: the one that MAESTRO_TEST_DATABASE_URL names; a
// cluster made for this test process from the server programs of this machine
// (package pgserver); a container, where a Docker engine answers and can get the
// image. With none of them the test is skipped by one line that says how to get
// one, or fails where MAESTRO_TEST_POSTGRES=require asks for it, as CI does.
//
// All tests of a process share the server. Each gets a schema of its own, by
// [Pool], [Plain] or [Partitioned], or, where a schema is not enough, a database
// of its own, by [Database]. Both are dropped when the test ends. A test package
// lets [Main] or [WithServer] end the server in its TestMain; without it the
// server ends shortly after the process.
package pgtest
