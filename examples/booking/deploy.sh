#!/bin/sh
# Deploys version 1, then 2 (readers), then 3 (writers) of the service, two replicas on one Postgres, one by one,
# while a load runs. Needs DATABASE_URL, of a database that it may make tables in. Fails if a client saw an error.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
go build -o "$bin/booking" .
a='' b='' load=''
trap 'kill $a $b $load 2>/dev/null || true; wait; rm -rf "$bin"' EXIT
"$bin/booking" migrate
# The server's SIGTERM is its shutdown: requests end, then aggregates, then the pool.
start() { "$bin/booking" serve -addr "localhost:$1" -version "$2" & }
start 18081 1; a=$!
start 18082 1; b=$!
sleep 1
"$bin/booking" load -wishes "${WISHES:-400}" http://localhost:18081 http://localhost:18082 & load=$!
for version in 2 3; do
	kill $a; wait $a; start 18081 $version; a=$!; sleep 1
	kill $b; wait $b; start 18082 $version; b=$!; sleep 1
done
wait $load
load=''
echo "deployed versions 2 and 3 under load"
