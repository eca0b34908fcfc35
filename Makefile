# Two commands: `make demo` and `make test`. Each sets up what it needs in .venv, from requirements.lock.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2

.PHONY: demo test check bench fuzz format clean
.DEFAULT_GOAL := test

$(READY): requirements.lock pyproject.toml hatch_build.py $(wildcard src/bilevel/* src/typeset/*)
	@test -n "$(PYTHON)" || { echo "conneg needs Python 3.11 or later: apt-get install python3 python3-venv" >&2; exit 69; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "conneg needs Python 3.11 or later; $(PYTHON) is older. Name another: make PYTHON=/path/to/python3.11" >&2; exit 69; }
	@echo "setting up $(VENV) (once; locked versions from requirements.lock)"
	@$(PYTHON) -m venv $(VENV) || { echo "this Python has no venv module: apt-get install python3-venv" >&2; exit 69; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@test -e src/conneg/content/_typeset.abi3.so || echo "the optional C modules are not built (apt-get install gcc libc6-dev python3-dev): fax pages are made the slower way"
	@touch $@

demo: $(READY)
	@$(BIN)/conneg demo $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz $(ARGS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
