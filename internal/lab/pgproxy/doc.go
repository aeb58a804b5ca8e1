// Package pgproxy stands between a program and a PostgreSQL server, reads their protocol, and cuts
// connections where it hurts: at any message of a commit, or of the answer to one, as a seeded plan
// decides. It can lead new connections to another server, as after a failover.
package pgproxy
