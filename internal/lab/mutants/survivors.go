package main

// survivors says of mutants by what they break why no test can catch them, or none should.
var survivors = map[string]string{
	"a second attempt writes into the list of the first": "only a caller whose context has ended reads the list, and `claim` refuses that one before it writes",
}
