# Two commands are all that a newcomer needs. Each works from a bare clone:
#   make demo    set up, compare a rare-earth shock with the baseline, draw it, write a page on it
#   make test    set up, then lint, types, import contracts and all tests
# For those who work on the project: data, schema, bench, lint, types, hooks, fuzz, chaos, clean,
# and test-ROOM for the tests of one room alone, such as test-engine.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Compiled bytecode halves the start-up time, and one thread per process is fastest here.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
unexport PYTHONHOME
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

.PHONY: help demo test browser data schema bench lint types hooks fuzz chaos clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n 1,5p

demo: $(STAMP)
	@$(BIN)/monazite demo

test: lint types browser
	$(BIN)/python -m pytest -n auto --dist worksteal

# make test-engine runs tests/engine alone, without linters.
ROOMS := $(sort $(patsubst tests/%/,%,$(dir $(wildcard tests/*/test_*.py))))

test-%:
	@case ' $(ROOMS) ' in *' $* '*) ;; *) \
	  echo "Monazite: there is no room '$*' in tests/; there are: $(ROOMS)" >&2; exit 2;; esac
	@$(MAKE) --no-print-directory $(STAMP)
	$(BIN)/python -m pytest -n auto tests/$*

# Pages are tried in Debian's chromium. Where it is missing and may be installed, it is; else those tests say so.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && echo "Monazite: installing chromium" && \
	    apt-get install -y -q --no-install-recommends chromium >/dev/null 2>&1; } || \
	  echo "Monazite: NO BROWSER; pages are not tried in one (install chromium)" >&2

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy

# From now on, git commit runs what lint and types run.
hooks: $(STAMP)
	$(BIN)/pre-commit install

data: $(STAMP)
	$(BIN)/python -m sim.world.build

schema: $(STAMP)
	$(BIN)/monazite schema > schema/scenario.schema.json.new
	mv schema/scenario.schema.json.new schema/scenario.schema.json

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# More random input than in make test: 10,000 scenarios, 1,000 examples of each property, all worlds of the panel.
# MONAZITE_RANDOM=2000-2500 takes other scenarios.
fuzz: $(STAMP)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n auto --dist worksteal

# Kill sweeps 225 times, besides other kills, signals and faults; 5,000 damaged folders;
# MONAZITE_KILLS=1000 MONAZITE_TAMPERED=20000 make chaos for more.
chaos: $(STAMP)
	MONAZITE_KILLS=$${MONAZITE_KILLS:-225} MONAZITE_TAMPERED=$${MONAZITE_TAMPERED:-5000} $(BIN)/python -m pytest -s \
	  tests/sweep/test_kill.py tests/sweep/test_faults.py tests/sweep/test_orphans.py tests/sweep/test_tampered.py

clean:
	rm -rf build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find sim tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that is new enough and can make a virtual environment; PYTHON=... overrides.
$(STAMP): pyproject.toml constraints.txt
	@set -e; \
	if ! $(BIN)/python -c '' 2>/dev/null; then \
	  chosen=''; without=''; \
	  for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	    "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    if "$$candidate" -c 'import venv, ensurepip' 2>/dev/null; then chosen="$$candidate"; break; fi; \
	    without="$$candidate"; \
	  done; \
	  if [ -z "$$chosen" ] && [ -n "$$without" ]; then \
	    echo "Monazite: $$without cannot make a virtual environment (module ensurepip is missing)." >&2; \
	    echo "On Debian or Ubuntu install the package python3-venv, then run make again." >&2; exit 1; \
	  fi; \
	  if [ -z "$$chosen" ]; then \
	    echo "Monazite: needs Python 3.11 or later; found: $$(python3 --version 2>&1 || true)." >&2; \
	    echo "Install a newer one, or name it: make demo PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  echo "Setting up $(VENV) with $$($$chosen --version) ..."; \
	  rm -rf $(VENV); "$$chosen" -m venv $(VENV); \
	else echo "Setting up $(VENV) ..."; fi; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	$(BIN)/python -m compileall -q sim $(VENV)/lib || true; \
	touch $@
