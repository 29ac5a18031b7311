# Sets up, builds, checks and runs everything; `make help` lists the words. Each step leaves a stamp, so that a second run
# does only what has changed. It decides the order of things and the tools' arguments; what a tool checks stands in the
# tool's own configuration (pyproject.toml, Cargo.toml, deny.toml).
#
# Needed on the machine: a Rust toolchain, CPython >= 3.11, and Node (with npm) for what speaks to the official client.
#
#   PYTHON=…          the interpreter of a new virtual environment (default: the newest found on PATH)
#   VENV=…            where that environment lies (default: .venv)
#   PORT=…            where `make demo` listens (default: 3000)
#   PYTEST_WORKERS=…  processes that share the Python suite, which mostly waits (default: 4; 0: none, for a debugger)
#   SECONDS=…         how long `make fuzz` tries each target (default: 60)
#   LOOP=…            the event loop of `make soak` (default: uvloop; asyncio, trio)
#   ASGI=whole        for `make test-asgi`: the whole suite over every ASGI server, as `make test-all` does
#   PYTEST_ARGS=…     more arguments for pytest, such as PYTEST_ARGS="-k upgrade -x"

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help

VENV ?= .venv
PORT ?= 3000
PYTEST_ARGS ?=
SECONDS ?= 60
LOOP ?= uvloop
PYTEST_WORKERS ?= 4
# Evaluated when an environment is made, and only then: asking every interpreter takes seconds.
PYTHON ?= $(shell tools/find-python)

BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint tools/constraints.txt
WHEELS := $(VENV)/wheels
# Built without debug information: it is compiled for this one use.
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := target/tools/bin/cargo-deny
CARGO_FUZZ_VERSION := 0.13.1
CARGO_FUZZ := target/tools/bin/cargo-fuzz

# The tests and lints of rust/python are compiled for the environment's interpreter, whatever else is on PATH.
export PYO3_PYTHON := $(abspath $(BIN)/python)

MANIFESTS := Cargo.toml Cargo.lock $(wildcard rust/*/Cargo.toml)
CORE_SOURCES := $(shell find rust -name '*.rs' -not -path '*/tests/*' -not -path 'rust/fuzz/*' -not -path '*/target/*')
PACKAGE_SOURCES := $(shell find python/sio_fast -name '*.py' -o -name '*.pyi' -o -name py.typed)
FUZZ_TARGETS := $(notdir $(basename $(wildcard rust/fuzz/fuzz_targets/*.rs)))
BENCH_COLUMNS := median,iqr,ops,rounds
QUICK_BENCH := --benchmark-columns=$(BENCH_COLUMNS) --benchmark-max-time=0.1 --benchmark-min-rounds=3 --benchmark-warmup=off
# The README names commands that work on these words, so a test compares the two.
.PHONY: help setup demo test loom fuzz soak test-rust test-python test-asgi test-all lint types format fix deny stubtest setup-tools \
        build develop sdist licenses bench bench-quick bench-micro bench-system bench-asgi performance gate autobahn parity lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- the two that matter ----------------------------------------------------------------------------------------------

demo: $(STAMPS)/wheel examples/chat/node_modules/.package-lock.json ## Set everything up and serve the chat on 127.0.0.1 (PORT=3000)
	PORT=$(PORT) exec $(BIN)/python examples/chat/app.py

test: test-rust loom test-python test-asgi ## Set everything up and run all tests

# --- tests ------------------------------------------------------------------------------------------------------------

test-rust: $(STAMPS)/venv ## Tests of the Rust crates
	@if tools/can-link-python $(BIN)/python; then \
	    cargo test --locked --workspace; \
	else \
	    test "$${CI:-}" != true; \
	    cargo test --locked --workspace --exclude sio-python; \
	    echo "skipped: the Rust tests of sio-python, see above"; \
	fi

test-python: $(STAMPS)/wheel $(STAMPS)/test js ## The Python suite: unit, house, black-box, browser
	$(BIN)/python -m pytest --numprocesses $(PYTEST_WORKERS) $(PYTEST_ARGS)

# Two servers carry the whole suite, one on each kind of loop; the others a sample. ASGI=whole: all of them everything.
test-asgi: $(STAMPS)/wheel $(STAMPS)/test js ## The black-box suite over ASGI servers
ifeq ($(ASGI),whole)
	$(BIN)/python -m pytest tests/blackbox --numprocesses $(PYTEST_WORKERS) $(PYTEST_ARGS) --skin asgi
else
	$(BIN)/python -m pytest tests/blackbox --numprocesses $(PYTEST_WORKERS) $(PYTEST_ARGS) \
	    --skin uvicorn --skin hypercorn --loop uvloop --loop trio
	$(BIN)/python -m pytest tests/blackbox --numprocesses $(PYTEST_WORKERS) $(PYTEST_ARGS) --sample \
	    --skin uvicorn-sansio --skin uvicorn-wsproto --skin granian --skin daphne
endif

loom: ## The queues between threads, in every order that can happen
	RUSTFLAGS="--cfg sio_loom" CARGO_TARGET_DIR=target/loom cargo test --locked --package sio-hub --test loom

fuzz: $(CARGO_FUZZ) ## Fuzz each target for SECONDS=60; what it finds lies under target/fuzz
	@# No unsafe code is fuzzed, so the sanitizers would find nothing; RUSTC_BOOTSTRAP allows coverage on a stable compiler.
	@for each in $(FUZZ_TARGETS); do \
	    mkdir -p target/fuzz/corpus/$$each; \
	    echo "== $$each, $(SECONDS) s"; \
	    PATH="$(CURDIR)/target/tools/bin:$$PATH" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$(CURDIR)/target/fuzz/build \
	        cargo fuzz run --fuzz-dir rust/fuzz --sanitizer none $$each target/fuzz/corpus/$$each rust/fuzz/corpus/$$each \
	        -- -max_total_time=$(SECONDS) -max_len=2000 -artifact_prefix=$(CURDIR)/target/fuzz/; \
	done

soak: $(STAMPS)/wheel $(STAMPS)/test ## 100 000 lives of clients, 10 000 who come back at once, 50 exits of each kind: ten minutes
	$(BIN)/python -m pytest --long --loop $(LOOP) tests/blackbox/test_soak.py tests/blackbox/test_stampede.py \
	    tests/blackbox/test_exit.py -v $(PYTEST_ARGS)

test-all: test-rust ## Rust tests once, the Python suite on every CPython >= 3.11 found
	@interpreters=$$(tools/find-python --all); \
	for python in $$interpreters; do \
	    minor=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    echo "== Python $$minor ($$python)"; \
	    $(MAKE) --no-print-directory test-python test-asgi PYTHON="$$python" VENV=.venv-"$$minor" ASGI=whole; \
	done

# --- checks -----------------------------------------------------------------------------------------------------------

lint: $(STAMPS)/lint deny ## ruff, import directions, rustfmt, clippy, cargo-deny
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYTHONPATH=python $(BIN)/lint-imports --no-cache
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

types: $(STAMPS)/lint stubtest ## mypy and pyright, both strict, and the stub against the compiled module
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

stubtest: $(STAMPS)/lint $(STAMPS)/wheel ## The stub of the core against the compiled module
	$(BIN)/python -m mypy.stubtest sio_fast._core --allowlist tools/stubtest-allowlist.txt

deny: $(CARGO_DENY) ## Licences, bans and sources of the dependency graph
	$(CARGO_DENY) --offline --locked check --hide-inclusion-graph bans licenses sources

format: $(STAMPS)/lint ## Format Python and Rust
	$(BIN)/ruff format
	cargo fmt --all

fix: $(STAMPS)/lint ## Apply ruff's safe fixes, then format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cargo fmt --all

# --- building ---------------------------------------------------------------------------------------------------------

setup: setup-tools $(STAMPS)/wheel ## Everything that building, checking and testing need, and the wheel

setup-tools: $(STAMPS)/build $(STAMPS)/test $(STAMPS)/lint js $(CARGO_DENY) ## The same without the wheel

build: $(STAMPS)/wheel ## The release wheel, installed into the virtual environment

develop: $(STAMPS)/build $(STAMPS)/test THIRD-PARTY-LICENSES.html ## An editable install with a quick debug build of the core
	VIRTUAL_ENV="$(abspath $(VENV))" $(BIN)/maturin develop --locked --extras uvloop,trio
	rm -f $(STAMPS)/wheel

sdist: $(STAMPS)/build THIRD-PARTY-LICENSES.html ## The source distribution, into dist/
	$(BIN)/maturin sdist --out dist

licenses: THIRD-PARTY-LICENSES.html ## The licences of all crates in the wheel

# --- speed ------------------------------------------------------------------------------------------------------------

bench: bench-micro bench-system ## Everything: micro-benches, every measure beside every peer, scaling (about 25 minutes)

bench-quick: $(STAMPS)/wheel $(STAMPS)/bench ## The main ones of both in three minutes
	$(BIN)/python -m pytest benches/python --benchmark-enable --benchmark-only $(QUICK_BENCH) $(PYTEST_ARGS)
	$(BIN)/python benches/system.py --rows quick --peers sio-fast,node,bun --rounds 3 --seconds 2 --warm-up 0.5

bench-micro: $(STAMPS)/wheel $(STAMPS)/bench ## Micro-benches: pytest-benchmark, criterion, instruction counts
	$(BIN)/python -m pytest benches/python --benchmark-enable --benchmark-only --benchmark-columns=$(BENCH_COLUMNS) $(PYTEST_ARGS)
	cargo bench --locked --package sio-micro -- --warm-up-time 0.5 --measurement-time 1
	$(BIN)/python benches/ratios.py

bench-system: $(STAMPS)/wheel $(STAMPS)/bench ## Every measure beside every peer, interleaved, then the scaling rows
	$(BIN)/python benches/system.py --rows targets --rounds 3 --seconds 1 --warm-up 0.3
	$(BIN)/python benches/system.py --rows scaling --rounds 1 --seconds 1 --warm-up 0.3

bench-asgi: $(STAMPS)/wheel $(STAMPS)/bench ## On ASGI servers, beside a bare echo and python-socketio on the same (seven minutes)
	$(BIN)/python benches/system.py --rows asgi --rounds 3 --seconds 1 --warm-up 0.3

gate: $(STAMPS)/wheel $(STAMPS)/bench ## Speed beside the official server, interleaved
	$(BIN)/python benches/system.py --rows gate --peers sio-fast,node

performance: ## docs/performance.md and its plots, from the newest result file of each row
	python3 benches/page.py

autobahn: ## The Autobahn suite against the WebSocket framing (CPython 2.7; writes docs/autobahn.md)
	python3 tools/autobahn.py

# --- upkeep -----------------------------------------------------------------------------------------------------------

parity: $(STAMPS)/venv ## docs/parity.md, from tests/parity and the marks of the tests
	$(BIN)/python tools/parity.py

lock: $(STAMPS)/build $(STAMPS)/lint $(STAMPS)/bench ## Pin the tools' versions in tools/constraints.txt to what is installed
	tools/lock-constraints $(BIN)/python > tools/constraints.txt.new
	mv tools/constraints.txt.new tools/constraints.txt

clean: ## Remove everything that was built or installed here
	rm -rf target dist build THIRD-PARTY-LICENSES.html $(wildcard .venv .venv-*) .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	    tests/browser/screenshots
	rm -rf $(addsuffix /node_modules,$(patsubst %/,%,$(dir $(PACKAGES)))) benches/servers/*/node_modules
	find python tests tools examples benches -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f python/sio_fast/*.so

# --- stamps -----------------------------------------------------------------------------------------------------------

# A PYTHON that was named must be the one in the environment, which may be older than the wish.
ifneq ($(filter command environment,$(firstword $(origin PYTHON))),)
ifneq ($(wildcard $(BIN)/python),)
SAME := $(shell test "$$($(PYTHON) -c 'import sys; print(sys.version)')" = "$$($(BIN)/python -c 'import sys; print(sys.version)')" && echo yes)
ifneq ($(SAME),yes)
$(error $(VENV) was made with another Python than $(PYTHON): remove it, or add VENV=.venv-other)
endif
endif
endif

$(STAMPS)/venv:
	@python=$(PYTHON); test -n "$$python"; echo "$(VENV): $$("$$python" --version) ($$python)"; "$$python" -m venv --clear $(VENV)
	@# Dependency groups are read by pip since 25.1.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@mkdir -p $(STAMPS) && touch $@

# One rule for the groups of pyproject.toml: build, test, lint, bench.
$(STAMPS)/build $(STAMPS)/test $(STAMPS)/lint $(STAMPS)/bench: $(STAMPS)/%: $(STAMPS)/venv pyproject.toml tools/constraints.txt
	$(PIP) --group $*
	@touch $@

THIRD-PARTY-LICENSES.html: tools/third_party_licenses.py deny.toml $(MANIFESTS) | $(STAMPS)/venv
	$(BIN)/python tools/third_party_licenses.py $@

$(STAMPS)/wheel: $(STAMPS)/build $(MANIFESTS) $(CORE_SOURCES) $(PACKAGE_SOURCES) pyproject.toml README.md LICENSE THIRD-PARTY-LICENSES.html
	rm -rf $(WHEELS)
	@# Panics name their file; that of the build machine's home or checkout is nobody's business.
	RUSTFLAGS="$${RUSTFLAGS:-} --remap-path-prefix=$(CURDIR)=sio_fast --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo" \
	    $(BIN)/maturin build --release --locked --interpreter $(BIN)/python --out $(WHEELS)
	$(PIP) --force-reinstall --no-deps $(WHEELS)/*.whl
	$(PIP) "$$(echo $(WHEELS)/*.whl)[uvloop,trio]"
	@touch $@

$(CARGO_DENY): | $(STAMPS)/venv
	cargo install --quiet --locked --debug --root target/tools --version $(CARGO_DENY_VERSION) cargo-deny

$(CARGO_FUZZ):
	cargo install --quiet --locked --debug --root target/tools --version $(CARGO_FUZZ_VERSION) cargo-fuzz

# npm leaves its own stamp behind.
PACKAGES := examples/chat/package.json tests/js/package.json tests/browser/package.json
.PHONY: js
js: $(patsubst %/package.json,%/node_modules/.package-lock.json,$(PACKAGES))

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@command -v npm >/dev/null || { echo "npm (Node) is needed for $(@D:/node_modules=): on Debian, apt-get install npm" >&2; exit 1; }
	cd $(@D:/node_modules=) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@
