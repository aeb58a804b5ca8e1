#!/bin/sh
# Deploys version 1, then 2 (readers), then 3 (writers) of the service, two replicas on one Postgres, one by one,
# while a load runs, and goes on with a step back and forward again until that ends. Needs DATABASE_URL, of a database
# that it may make tables in. FOR is how long the load runs, A and B are the replicas' addresses. Fails if a client saw
# an error.
set -eu
cd "$(dirname "$0")"
A=${A:-localhost:18081} B=${B:-localhost:18082}
bin=$(mktemp -d)
a='' b='' load=''
trap 'kill $a $b $load 2>/dev/null || true; wait; rm -rf "$bin"' EXIT
go build -o "$bin/booking" .
"$bin/booking" migrate
start() { "$bin/booking" serve -addr "$1" -version "$2" & }
start "$A" 1; a=$!
start "$B" 1; b=$!
"$bin/booking" ready "http://$A" "http://$B"
"$bin/booking" load -for "${FOR:-20s}" "http://$A" "http://$B" & load=$!
# The server's SIGTERM is its shutdown: requests end, then aggregates, then the pool. The next replica is not touched
# before this one is ready.
deploy() {
	kill "$a"; wait "$a"; start "$A" "$1"; a=$!; "$bin/booking" ready "http://$A"
	kill "$b"; wait "$b"; start "$B" "$1"; b=$!; "$bin/booking" ready "http://$B"
	echo "deployed version $1 under load"
}
deploy 2
deploy 3
while kill -0 "$load" 2>/dev/null; do
	deploy 2
	deploy 3
done
wait "$load"
load=''
