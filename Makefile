# What there is to do with this repository; "make help" lists it. Everything but
# test needs the programs that internal/tools pins, which are built when they are
# first needed. test needs nothing but Go.

SHELL := /bin/sh
GO ?= go
FUZZTIME ?= 30s
SEEDS ?= 20000
ARGS ?=
REF ?= main
VERSIONS ?= 14 15 16 17 18

# Every module of the repository, the library's own first.
MODULES := . $(sort $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod -not -path './bin/*')))
# The race detector needs cgo, which needs a C compiler.
RACE := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)
TOOLS := internal/tools/go.mod internal/tools/go.sum

.DEFAULT_GOAL := help
.PHONY: help test bench soak chaos endure tail benchstat matrix release fuzz fmt fmt-check vet lint deps portable generated check api vuln tools

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## run all tests, with the race detector where there is a C compiler
	@$(GO) test -count=1 -v -run '^TestSayWhichPostgres$$' ./internal/lab/pgtest | sed -n 's/^ *[a-z_]*\.go:[0-9]*: //p'
	@status=0; for module in $(MODULES); do \
		echo "== $$module: go test -timeout 40m $(RACE) ./... $(ARGS)"; \
		(cd $$module && $(GO) test -timeout 40m $(RACE) ./... $(ARGS)) || status=1; \
	done; exit $$status

bench: ## measure the library beside its limits; ARGS go to the program
	$(GO) run ./internal/lab/bench $(ARGS)

benchstat: bin/benchstat ## compare the benchmarks that need no database with those of REF (main)
	@GO=$(GO) .ci/benchstat $(REF)

soak: ## simulate SEEDS histories with faults and check all laws after each
	$(GO) test ./internal/lab/sim -run '^TestSeeds$$' -count=1 -timeout 0 -v -seeds $(SEEDS) $(ARGS)

chaos: ## injure processes, connections and a real Postgres, and check the log; ARGS go to the program
	$(GO) run ./internal/lab/chaos $(ARGS)

endure: ## work a supervisor for ten minutes and check that nothing grows; ARGS go to the program
	$(GO) run ./internal/lab/endure $(ARGS)

tail: ## kill a tail 1,000 times while 1,000,000 events are written, and count what is lost, repeated or out of order; ARGS go to the program
	$(GO) run ./internal/lab/tailproof -events 1000000 -kills 1000 -restarts 20 -promotions 4 $(ARGS)

matrix: ## run what depends on the server with PostgreSQL 14 to 18, or those of VERSIONS; needs npm for what is not installed
	GO=$(GO) .ci/matrix $(VERSIONS)

release: ## try out what a release of HEAD is to an application, by a module proxy of its tags; needs no network
	@GO=$(GO) .ci/release

fuzz: ## run every fuzz target for FUZZTIME (30s); the corpus stays in Go's cache
	@FUZZTIME=$(FUZZTIME) GO=$(GO) .ci/fuzz $(MODULES)

fmt: bin/gofumpt ## format the code
	bin/gofumpt -l -w .

fmt-check: bin/gofumpt ## fail for code that is not formatted
	@files=$$(bin/gofumpt -l .) && if [ -n "$$files" ]; then echo "not formatted, run make fmt:"; echo "$$files"; exit 1; fi

vet: ## run go vet
	@set -e; for module in $(MODULES); do echo "== $$module: go vet ./..."; (cd $$module && $(GO) vet ./...); done

lint: bin/golangci-lint ## run the linters of .golangci.yaml
	@set -e; for module in $(MODULES); do \
		echo "== $$module: golangci-lint run"; \
		(cd $$module && "$(CURDIR)/bin/golangci-lint" run --config "$(CURDIR)/.golangci.yaml" ./...); \
	done

deps: ## prove what the library depends on, and what it does not
	@GO=$(GO) .ci/deps

portable: ## build for other systems and word sizes
	GOOS=linux GOARCH=386 $(GO) build ./...
	GOOS=darwin $(GO) build ./...
	GOOS=windows $(GO) build ./...

generated: ## fail for generated files and go.mod files that are behind
	@GO=$(GO) .ci/generated $(MODULES)

check: fmt-check vet lint deps portable generated api test ## all that a change must pass

api: bin/apidiff ## fail if docs/api.txt is behind the code; compare the API with the last release
	@GO=$(GO) .ci/api

vuln: bin/govulncheck ## look for known vulnerabilities; asks the Go vulnerability database
	bin/govulncheck ./...

tools: bin/golangci-lint bin/gofumpt bin/apidiff bin/benchstat bin/govulncheck ## build all programs of internal/tools

bin/golangci-lint: $(TOOLS)
	@$(call tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
bin/gofumpt: $(TOOLS)
	@$(call tool,mvdan.cc/gofumpt)
bin/apidiff: $(TOOLS)
	@$(call tool,golang.org/x/exp/cmd/apidiff)
bin/benchstat: $(TOOLS)
	@$(call tool,golang.org/x/perf/cmd/benchstat)
bin/govulncheck: $(TOOLS)
	@$(call tool,golang.org/x/vuln/cmd/govulncheck)

# The programs are for this machine, whatever the target that is being built for.
tool = echo "building $@" && GOOS= GOARCH= $(GO) build -C internal/tools -o "$(CURDIR)/$@" $(1)
