# `make help` lists the commands. Each does its own set-up in .venv, with Python 3.11 or newer.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help demo test check bless bench clean
help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.stamp: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "set PYTHON to a Python 3.11, 3.12 or 3.13"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev,examples]'
	@touch $@

demo: $(VENV)/.stamp  ## compile and run the four examples; print the table
	$(BIN)/python -m examples.demo

test: $(VENV)/.stamp  ## run the tests
	$(BIN)/python -m pytest -q -n auto

check: $(VENV)/.stamp  ## lint, types, layers
	$(BIN)/ruff check jitflow tests examples benchmarks
	$(BIN)/ruff format --check jitflow tests examples benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

bless: $(VENV)/.stamp  ## rewrite the golden files
	$(BIN)/python -m pytest -q tests/golden --bless

bench: $(VENV)/.stamp  ## measure (peers are used where installed)
	$(BIN)/python -m benchmarks

clean:  ## remove what the commands made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
