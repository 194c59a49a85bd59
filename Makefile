# Every check of this repository is a target here; `.ci/run` calls `make test`.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.txt
DEFAULT_LOCK := requirements/default.txt
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
ARGS ?=
# Test processes: each has servers of its own (about 1.5 GiB) and waits for them much of the time.
WORKERS ?= 2
# The development environment takes every extra; `make demo` and `make install-default` the small one.
STAMP := $(VENV)/.installed-dev
DEFAULT_STAMP := $(VENV)/.installed

.PHONY: install install-default lint test bench evaluate faults fuzz docs demo lock clean

install: $(STAMP)

install-default: $(DEFAULT_STAMP)

$(UV):
	@echo "uv is not on PATH: installing it from PyPI into .tools/uv"
	python3 -m venv .tools/uv && .tools/uv/bin/pip install --quiet uv

$(DEFAULT_STAMP): $(DEFAULT_LOCK) pyproject.toml | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11' $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(DEFAULT_LOCK)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

$(STAMP): $(LOCK) pyproject.toml | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11' $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCK)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@ $(DEFAULT_STAMP)

# Hashed, for every platform, without a registry's name. `make lock UPGRADE=--upgrade` moves the versions.
lock: | $(UV)
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header $(UPGRADE) pyproject.toml -o $(DEFAULT_LOCK)
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header $(UPGRADE) --extra transformer -c $(DEFAULT_LOCK) pyproject.toml -o requirements/transformer.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header $(UPGRADE) --extra ensemble --extra transformer --extra dev -c $(DEFAULT_LOCK) pyproject.toml -o $(LOCK)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

# Everything: lint, types, import contracts, unit, property, integration, browser and documentation tests.
test: lint
	tests/system_packages.sh
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

bench: $(STAMP)
	$(BIN)/vigil bench latency $(if $(JSON),--json) $(ARGS)
	$(BIN)/vigil bench ingest $(if $(JSON),--json) $(ARGS)

# The detection scoreboard; exit status 1 when detection got worse than the result kept in docs/evaluation.
evaluate: $(STAMP)
	$(BIN)/vigil evaluate suite $(if $(JSON),--json) $(ARGS)

# SIGKILL, SIGSTOP, full disks, lost answers: everything is recounted, what was lost or done twice is printed.
# `ARGS="--kills 50 --faults 1000 --seed 7"`; JSON=1 prints one JSON object on the last line.
faults: $(STAMP)
	JSON=$(JSON) $(BIN)/python -m tests.faults $(ARGS)

# Every dialect and the receiver over a million made inputs: no crash, no hang, nothing lost. INPUTS, SEED, PROCESSES.
fuzz: $(STAMP)
	JSON=$(JSON) $(BIN)/python -m tests.fuzz

# Rewrites the generated pages (settings, command line); `make test` fails when they are stale.
docs: $(STAMP)
	$(BIN)/python docs/generate.py

demo: $(DEFAULT_STAMP)
	$(BIN)/vigil demo $(ARGS)

clean:
	rm -rf $(VENV) .vigil .tools .mypy_cache .ruff_cache .pytest_cache
