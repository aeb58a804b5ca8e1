// Package docs keeps the documents honest: its test compares every block of Go in them with the
// code, which is compiled and run, and follows every link and make target.
package docs
