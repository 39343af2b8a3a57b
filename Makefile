# The commands of this project; `make help` lists them. Each installs from Debian what it needs and does not find.
# Knows: which script or build does what. Must not: hold a list of sources, tools or tests; CMake and the tests find those.
.DEFAULT_GOAL := all
.PHONY: all demo demo-clean test test-faults test-matrix test-destinations test-all soak soak-short soak-build bench install deb lint clean help

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
LAUNCHER := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

all: ## build every program into build/bin
	@scripts/install-packages build
	@mkdir -p build
	@cmake -S . -B build -G Ninja -DPGCDC_TESTS=OFF $(LAUNCHER) >build/configure.log 2>&1 || { cat build/configure.log; exit 75; }
	@ninja --quiet -C build -j $(JOBS)

demo: ## a private PostgreSQL, a million rows, snapshot, stream, masking, warehouse: under three minutes
	@scripts/install-packages demo
	@$(MAKE) --no-print-directory all
	@scripts/demo

demo-clean: ## remove what the demo made
	@scripts/demo-clean

test: ## unit, golden, end to end on a real server, meta; `tests/run NAME...` runs some of them
	@scripts/install-packages test
	@JOBS=$(JOBS) tests/run

test-faults: ## every kind of fault, two simulated days of them, every repair; and clang with its sanitizers
	@scripts/install-packages test
	@JOBS=$(JOBS) tests/run fault sanitize

test-matrix: ## what depends on the server, on PostgreSQL 14, 16, 17 and 18 (fetched into build/servers)
	@scripts/install-packages matrix
	@JOBS=$(JOBS) tests/run matrix

test-destinations: ## object stores and warehouses: Ceph, azurite, doubles of Google's and Snowflake's, DuckDB, PostgreSQL
	@scripts/install-packages destinations
	@JOBS=$(JOBS) tests/run destinations

test-all: ## all of these, about an hour and a half
	@scripts/install-packages matrix destinations
	@JOBS=$(JOBS) tests/run all fault sanitize destinations matrix

# The programs, and the one of the tests that makes a bucket; not all tests.
soak-build:
	@mkdir -p build
	@cmake -S . -B build -G Ninja -DPGCDC_TESTS=ON $(LAUNCHER) >build/configure.log 2>&1 || { cat build/configure.log; exit 75; }
	@ninja --quiet -C build -j $(JOBS) $(notdir $(patsubst %/main.cpp,%,$(wildcard tools/*/main.cpp))) s3-bucket preload-clock

soak: ## a simulated month of two pipelines, unattended: 720 faults, about an hour; writes tests/bench/soak.tsv and soak.png
	@scripts/install-packages soak
	@$(MAKE) --no-print-directory soak-build
	@tests/fault/soak --hours 720 --figures tests/bench/soak.tsv --picture tests/bench/soak.png

soak-short: ## the same for two days, every fault at least once: minutes
	@scripts/install-packages test
	@$(MAKE) --no-print-directory soak-build
	@tests/fault/soak

bench: ## measure against pg_recvlogical, append to tests/bench/results.tsv
	@scripts/install-packages bench
	@$(MAKE) --no-print-directory all
	@tests/bench/run

install: all ## install below PREFIX=/usr/local, staged below DESTDIR=
	@DESTDIR="$(DESTDIR)" cmake --install build --strip --prefix "$(PREFIX)"

deb: ## a Debian package in build/
	@scripts/install-packages deb
	@$(MAKE) --no-print-directory all
	@scripts/deb/build

lint: ## clang-tidy over every source; not part of `make test`, it takes minutes
	@scripts/install-packages lint
	@tests/meta/tidy

clean: ## remove what was built
	@rm -rf build build-*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
