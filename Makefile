# Everything a person or the CI does with this tree. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 20s

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the static binary bin/b2bua
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/b2bua ./cmd/b2bua

.PHONY: demo
demo: build ## show a call: two telephones, the ladder, the audio, the record
	./bin/b2bua demo $(DEMO)

.PHONY: test
test: need ## run every test with the race detector, SIPp and baresip included
	go vet ./...
	go test -race -timeout 20m $$(go list ./... | grep -v '/test$$')
	go test -race -timeout 20m -v ./test
	go test -run 'Alloc|Memory|Heap' ./legs/... ./policy ./rtprelay ./sdp # bounds that the race detector blurs

.PHONY: test-outages
test-outages: need ## run the tests in which a database goes away, for a minute each time
	TEST_OUTAGE=1m go test -race -timeout 20m -v -run '^(TestPostgresOutages|TestSQLiteLocked)$$' ./test

.PHONY: need
need: ## install what the tests need beyond Go (root), or print the command
	@scripts/need

.PHONY: lint
lint: ## run the linters (built from tools/go.mod)
	go build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run ./...

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (20s)
	@scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## run the Go benchmarks once
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-relay
bench-relay: ## measure the relay next to rtpengine and ip_forward (root); BENCH="-quick" and the like
	@scripts/need ip rtpengine
	CGO_ENABLED=0 go build -o bin/bench-relay ./bench/relay
	bin/bench-relay $(BENCH)

.PHONY: bench-signalling
bench-signalling: build ## measure calls beside Kamailio's; BENCH="-quick -only cpu", or BENCH=-check for no figures
	@scripts/need sipp kamailio
	go build -o bin/bench-signalling ./bench/signalling # go run would tell no status but 1
	bin/bench-signalling $(BENCH)

.PHONY: generate
generate: ## write docs/states.md, docs/configuration.md and api/openapi.json anew
	go run ./internal/statesdoc
	go test ./internal/config ./api -run 'Reference|OpenAPIIsCommitted' -update

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
