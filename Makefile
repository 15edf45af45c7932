# make quick   the tests that need nothing but Go
# make test    all tests, against real servers (installs them first; Debian 12)
# make fuzz    every fuzz target, one after the other; FUZZ=5m says how long each runs
# make soak    the long ones, and the fuzz targets; SOAK=30m says how long each runs,
#              PACKAGES=./cmd/shockabsorber/crash whose tests
# make bench   the benchmarks, against real servers
# make lint    golangci-lint if it is installed, else go vet and gofmt

GO   ?= go
SOAK ?= 10m
FUZZ ?= 1m
PACKAGES ?= ./...
# Packages tested side by side. Each may run a MySQL, a MariaDB and a Kafka.
P    ?= 2

export SHOCK_ABSORBER_REAL

.PHONY: all quick test fuzz soak bench lint vet setup

all: lint quick

setup:
	.ci/setup

quick: SHOCK_ABSORBER_REAL :=
quick:
	$(GO) test ./...
	$(GO) -C cmd/demo test ./...

test: SHOCK_ABSORBER_REAL := 1
test: setup vet
	$(GO) test -count=1 -p $(P) -timeout 35m ./...
	$(GO) -C cmd/demo test -count=1 -timeout 10m ./...

soak: SHOCK_ABSORBER_REAL := 1
soak: setup
	SHOCK_ABSORBER_SOAK=$(SOAK) $(GO) test -count=1 -p 1 -timeout 0 $(PACKAGES)
	$(MAKE) fuzz

# go test takes one target at a time. What it finds it writes to testdata/fuzz
# of the package, where every later test run tries it again, and so do the other
# tries: they are for a run that has found nothing and ends with "context deadline
# exceeded", as go test may on a busy machine, there also twice in a row.
fuzz:
	@grep -r --include='*_test.go' '^func Fuzz' . | sed -E 's|^\./(.*)/[^/]*:func (Fuzz[A-Za-z0-9]+).*|\1 \2|' | sort | \
	while read -r package target; do \
		echo "$$package $$target"; \
		fuzz() { $(GO) test "./$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) -fuzzminimizetime 5s; }; \
		fuzz || fuzz || fuzz || fuzz || exit 1; \
	done

bench: SHOCK_ABSORBER_REAL := 1
bench: setup
	$(GO) test -run '^$$' -bench . -benchmem -p 1 -timeout 60m ./...

vet:
	$(GO) vet ./...
	$(GO) -C cmd/demo vet ./...

lint:
	@if command -v golangci-lint >/dev/null; then \
		golangci-lint run ./...; \
	else \
		$(GO) vet ./... && $(GO) -C cmd/demo vet ./... && \
		unformatted=$$(gofmt -l .) && \
		if [ -n "$$unformatted" ]; then echo "gofmt needed:" $$unformatted; exit 1; fi; \
	fi
