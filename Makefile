# `make help` lists what there is. Extra options go in ARGS: make demo ARGS="--seeds 1,2,3"
.DEFAULT_GOAL := help
SHELL := /bin/bash
ARGS ?=
BIN := .venv/bin
# Three test files at a time, one thread each: some wait for servers, browsers and other processes; two programs of two threads
# on two cores would only wait for each other. Compiled files are kept even where the environment says not to: the tests start
# hundreds of processes, each of which would compile again what it imports.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo test check clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what running needs: Python packages, Debian packages, the embedded base
	@bash scripts/setup.sh run

demo: ## Set up, then compare all arms on the demo data: runs/demo/report.html
	@bash scripts/setup.sh run
	$(BIN)/passerelle compare experiments/demo.yaml $(ARGS)

test: ## Set up, then run the tests (those marked slow or gpu: make test ARGS="-m slow")
	@bash scripts/setup.sh test
	$(PYTEST) $(ARGS)

check: ## Lint, format, types, tests: what a change must pass
	@bash scripts/setup.sh dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(PYTEST) $(ARGS)

clean: ## Remove the virtual environment and tool caches; runs/ and the stored base stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
