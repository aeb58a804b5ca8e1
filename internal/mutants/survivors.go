package main

// survivors says of mutants by what they break why no test can catch them, or none should.
var survivors = map[string]string{}
