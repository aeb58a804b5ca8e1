// Command api writes down the exported API of every package that an app can import, one line for
// each name, so that a change of the API shows in a diff:
//
//	go run ./internal/lab/api -o docs/api.txt
//
// make generated fails if docs/api.txt is behind the code. What it can't judge is whether a change
// breaks an app: make api asks apidiff that, once there is a release to compare with.
package main

//go:generate go run . -o ../../../docs/api.txt
