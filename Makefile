# The front door. Needs Python 3.11 or newer as `python3` (or `make PYTHON=...`) and nothing else.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := src tests benchmarks examples deploy migrations bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help up demo test test-faults test-watching-faults test-image check format bench bench-lineage bench-checks bench-telemetry lock runtime dev

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: runtime ## Run Watcher with a PostgreSQL of its own, at http://127.0.0.1:8000
	@$(BIN)/watcher up $(ARGS)

demo: dev ## Run a real incremental pipeline on 2013's flights against a Watcher, and show what it knows
	@$(BIN)/python -m examples.nycflights demo $(ARGS)

test: dev ## Run every test, on servers that the tests start themselves
	@$(BIN)/python -m tests.together $(ARGS)

test-faults: dev ## Break everything a Watcher stands on, under load, and count what clients lost; takes about nine minutes
	@$(BIN)/python -m tests.faults $(ARGS)

test-watching-faults: dev ## Kill Redis, workers and everything under load, and count verdicts and alerts; takes about five minutes
	@$(BIN)/python -m tests.integration.watching_faults

test-image: dev ## Build the container image without an engine, and run every command in it; as root on Debian, with buildah
	@$(BIN)/python -m deploy.try_image $(ARGS)

check: dev ## All that CI checks: format, lint, types, import contracts, tests
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.together $(ARGS)

format: dev ## Format the code, and mend what the linter can
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: dev ## Measure the performance promises; takes about ten minutes
	@$(BIN)/python -m benchmarks.executions $(ARGS)

bench-lineage: dev ## Measure the promises about lineage; takes about seventeen minutes
	@$(BIN)/python -m benchmarks.lineage $(ARGS)

bench-checks: dev ## Measure the promises about watching; takes about three minutes
	@$(BIN)/python -m benchmarks.checks $(ARGS)

bench-telemetry: dev ## Measure what telemetry takes of the hot route; takes about a minute
	@$(BIN)/python -m benchmarks.telemetry

lock: ## Write the lock files anew from pyproject.toml (needs uv)
	@uv pip compile $(COMPILE) --extra embedded --group build pyproject.toml --output-file requirements.lock
	@uv pip compile $(COMPILE) --extra embedded --group build --group dev pyproject.toml --output-file requirements-dev.lock

COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

runtime:
	@$(PYTHON) bootstrap.py runtime

dev:
	@$(PYTHON) bootstrap.py dev
