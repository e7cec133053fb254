# `make` alone tells what there is. Everything is set up in .venv; nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
# git knows the files; in an unpacked archive, find does.
SOURCES := $(shell git ls-files lastseen ingest rules reports sample_logs 2>/dev/null || find lastseen ingest rules reports sample_logs -type f)

.DEFAULT_GOAL := help
.PHONY: help demo test format bench lab clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile

demo: .venv/wheel ## the whole job on the sample logs: ingest, rules, report
	$(BIN)/lastseen demo

test: .venv/dev .venv/wheel ## every check, and the tests against the built wheel: what CI runs
	$(BIN)/ruff format --check lastseen tests benchmarks
	$(BIN)/ruff check lastseen tests benchmarks
	$(BIN)/sqlfmt --check --quiet --line-length 100 ingest rules
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

format: .venv/dev ## rewrite Python and SQL as the checks want them
	$(BIN)/ruff format lastseen tests benchmarks
	$(BIN)/ruff check --fix --quiet lastseen tests benchmarks
	$(BIN)/sqlfmt --quiet --line-length 100 ingest rules

bench: .venv/dev .venv/wheel ## the numbers of the README, as ratios against named baselines
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/commits.py
	$(BIN)/python benchmarks/kill.py
	$(BIN)/python benchmarks/fleet_api.py

lab: .venv/dev .venv/wheel ## how often `why` finds a known cause, in made-up fleets (LAB="--seeds 5 --cause network")
	PYTHONPATH=benchmarks $(BIN)/python -m lab $(LAB)

clean: ## remove what was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lastseen needs Python 3.11 or newer; say which with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

# The wheel as users get it, not the checkout.
.venv/wheel: .venv/made pyproject.toml README.md LICENSE $(SOURCES)
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/pip install --quiet dist/*.whl
	$(BIN)/pip install --quiet --no-deps --force-reinstall dist/*.whl
	touch $@

.venv/dev: .venv/made pyproject.toml
	$(BIN)/python -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["dev"]))' > .venv/dev.txt
	$(BIN)/pip install --quiet --requirement .venv/dev.txt
	touch $@
