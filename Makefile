# dockstore. `make` shows what there is.
#
# Everything is made in this folder: .venv (Python packages) and .dockstore (engine, cache, histories).
# Programs of .venv are always called through its python: their own first line breaks where the path has a space.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
PY := .venv/bin/python
PREPARE := $(PYTHON) -I dockstore/engines/providers/bootstrap.py
PROVIDE := $(PY) -m dockstore.engines.providers
PYTEST := $(PY) -m pytest --require-engine
ARGS ?=

.PHONY: help run test test-all check bench dind stop clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: ## play the whole lesson on a real engine, print the report, write report.html
	@$(PREPARE)
	@$(PROVIDE) run $(PY) -m dockstore lesson --html report.html $(ARGS)

test: ## the fast suite and the engine suite (ARGS='-k word' for a part)
	@$(PREPARE) test
	@$(PROVIDE) test $(PYTEST) -m 'not slow' $(ARGS)

test-all: ## the same, with what plays for minutes
	@$(PREPARE) test
	@$(PROVIDE) test $(PYTEST) $(ARGS)

check: ## ruff, mypy, the layers
	@$(PREPARE) test dev
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy
	@$(PY) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'

bench: ## measure what dockstore costs on an engine
	@$(PREPARE) test
	@$(PROVIDE) test $(PY) -m bench $(ARGS)

dind: ## make the Docker-in-Docker image that docker-compose.yml starts
	@$(PREPARE)
	@$(PROVIDE) dind

stop: ## stop the private engine that was started to stay
	@$(PREPARE)
	@$(PROVIDE) stop

clean: ## remove what was made here: private engine, cache, histories, .venv
	@if [ -x $(PY) ]; then $(PROVIDE) clean; fi
	@rm -rf .venv .dockstore report.html .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
