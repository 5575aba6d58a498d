# Everything that one does with this repository. `make help` lists it.
# `make check test` is what CI runs, nothing more and nothing less.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

GO ?= go
# What `rambla version` says; without a tag, the program's own default.
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null)
# Built from source by the Go toolchain, which also keeps the result: two to
# three minutes the first time, none after.
LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(shell cat .ci/golangci-lint-version)
VULN := $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0
# Finds or starts a PostgreSQL and runs what follows against it.
WITH_POSTGRES := $(GO) run ./storage/pgtest/cmd

# Tests store thousands of small things and wait for the disk each time; where there
# is memory for it, their files and the throw-away server's are kept there.
TEST_TMP := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4194304 { print $$6 }')
IN_MEMORY := $(if $(TEST_TMP),TMPDIR=$(TEST_TMP))
# The race detector looks at our code; in the embedded store's, which was translated
# from C and shares nothing with ours, it only costs most of the time.
RACE := -race -gcflags='modernc.org/...=-race=false'

NODE_MODULES := web/node_modules/.package-lock.json
FUZZTIME ?= 30s
BENCH ?= .
BENCHCOUNT ?= 10

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##—— use

.PHONY: run
run: build ## build and serve a demo site from ./rambla-data: http://127.0.0.1:8080, MQTT on 1883
	exec bin/rambla serve --demo --data ./rambla-data

# Google's library brings its storage client, and that one gRPC with xDS: a quarter of
# the binary, which nothing here calls (77.9 MB with it, 58.9 without).
BUILD_TAGS := disable_grpc_modules

.PHONY: build
build: ## build bin/rambla, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -tags=$(BUILD_TAGS) -ldflags='-X main.version=$(VERSION)' -o bin/rambla ./cmd/rambla

.PHONY: db
db: ## run a throw-away PostgreSQL and print its URL
	exec $(WITH_POSTGRES)

##—— check

.PHONY: check
check: fmt-check vet lint mod-check web-check ## all that needs no server: format, vet, lint, modules, web page

.PHONY: fmt
fmt: ## format the Go files
	$(LINT) fmt

.PHONY: fix
fix: ## apply what the linters can mend by themselves, and format
	$(LINT) run --fix

.PHONY: fmt-check
fmt-check:
	$(LINT) fmt --diff

.PHONY: vet
vet:
	$(GO) vet ./...
	$(GO) vet -C .ci/tools ./...

.PHONY: lint
lint: ## run the linters of .golangci.yml
	$(LINT) run

.PHONY: mod-check
mod-check:
	$(GO) mod verify
	$(GO) mod tidy -diff

.PHONY: vuln
vuln: ## look for known vulnerabilities (needs vuln.go.dev, so not a part of check)
	$(VULN) ./...

##—— test

.PHONY: test
test: test-tools test-go test-web test-browser ## every test: Go with the race detector and a real PostgreSQL, web page, browser

.PHONY: test-short
test-short: ## the quick Go tests, without the race detector
	$(GO) test -short ./...

.PHONY: test-tools
test-tools:
	.ci/install

# The longest begins first, or the rest of the machine would wait for it at the end;
# most of its tests wait for processes of their own, so that more fit side by side than
# there are cores. What go vet finds is told by make check.
.PHONY: test-go
test-go:
	$(IN_MEMORY) $(WITH_POSTGRES) $(GO) test $(RACE) -vet=off -parallel 4 -timeout 40m ./cmd/rambla ./...

.PHONY: test-web
test-web: $(NODE_MODULES)
	cd web && npm run check && npm test

.PHONY: test-browser
test-browser: build $(NODE_MODULES)
	.ci/browser

CHECKTIME ?= 5m
.PHONY: check-long
check-long: ## check the real binary on both stores for CHECKTIME (5m), with kills, outages, cuts and changes of rights
	RAMBLA_CHECK_FOR=$(CHECKTIME) $(WITH_POSTGRES) $(GO) test $(RACE) -count=1 -timeout 60m -v -run '^TestEveryPromiseHolds' ./cmd/rambla

.PHONY: story
story: ## run the stories in cmd/rambla/testdata/script, which are the manual's tutorials
	$(GO) test -count=1 -v -run '^TestStories$$' ./cmd/rambla

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME (30s)
	FUZZTIME=$(FUZZTIME) .ci/fuzz

.PHONY: bench
bench: ## run the Go benchmarks into bench.txt (BENCH=regexp, BENCHCOUNT=10), for benchstat
	$(WITH_POSTGRES) $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) ./... | tee bench.txt

##—— web

.PHONY: web
web: web-tools ## build the web page into web/dist, which is committed
	cd web && npm ci --no-audit --no-fund && npm run build

.PHONY: web-tools
web-tools:
	.ci/install nodejs npm

.PHONY: web-check
web-check: web-tools
	.ci/web-check

$(NODE_MODULES): web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@
