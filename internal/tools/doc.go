// Package tools pins the programs that work on the library: the linter, the formatter, and those
// that look for vulnerabilities, API changes and changes of speed. It is a module of its own, so
// that the library does not depend on what they depend on; the Makefile builds them into bin/.
package tools
