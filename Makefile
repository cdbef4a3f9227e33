# `make demo` and `make test` do all of their own set-up on a machine with Python >= 3.11, pip and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= 2
PIP = $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint bench clean

# A stamp is newer than pyproject.toml when the environment holds what it asks for.
$(VENV)/.run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "seglam needs Python 3.11 or newer; run: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --prefer-binary --editable ".[langchain,llamaindex]"
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) install --quiet --prefer-binary --editable ".[dev]"
	touch $@

demo: $(VENV)/.run ## a stream of office requests through LangChain, LlamaIndex and the core; no network, no torch
	$(BIN)/seglam demo

test: $(VENV)/.dev lint ## everything that CI runs
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## every figure of the README
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
