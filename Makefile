# Every target does its own set-up; nothing but Python 3.11+ and make is needed, and no root.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do $$p $(NEW_ENOUGH) && { echo $$p; break; }; done)
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.installed
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
MAKEFLAGS += --no-print-directory

.PHONY: setup demo test lint bench soak scaled bundle clean lock
.DEFAULT_GOAL := setup

setup: $(STAMP)  ## .venv with everything the lock names (--no-deps: it names all), and the command .venv/bin/crosstie
	@:

$(STAMP): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) $(NEW_ENOUGH) || { echo "setup: no Python 3.11 or newer found; install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 2; }
	@$(BIN)/python $(NEW_ENOUGH) || $(PYTHON) -m venv --clear .venv >/dev/null || { echo "setup: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@echo "setup: installing the locked packages into .venv (once, a minute or two)"
	@$(BIN)/python -m pip install --require-hashes --no-deps -r requirements-dev.lock >.venv/setup.log 2>&1 \
	  && $(BIN)/python -m pip install --no-deps --no-build-isolation -e . >>.venv/setup.log 2>&1 \
	  || { grep '^ERROR' .venv/setup.log | tail -n 1 >&2; echo "setup: pip could not install the locked packages (is the package index reachable?); everything it said is in .venv/setup.log" >&2; exit 2; }
	@touch $(STAMP)

demo: setup  ## the main job from nothing, on sandboxes; options: make demo ARGS="--json --no-serve"
	@$(BIN)/crosstie demo $(ARGS)

test: setup  ## every test but the long ones, four at a time; one after the other: ARGS="-n 0"; with coverage: ARGS=--cov
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup  ## ruff, mypy --strict, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: setup  ## speed and memory, beside a hand-written ceiling in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup  ## the long fault runs
	@$(BIN)/python -m pytest -m soak --timeout=3600 $(ARGS)

scaled: setup  ## the processes of docker-compose.yml on this machine, workers killed meanwhile: each quote one order
	@$(BIN)/python -m tests.scaled $(ARGS)

bundle: setup  ## dist/crosstie-VERSION-MACHINE-pyXYZ.tar.gz: installs with no internet and no root (docs/operations.md)
	@$(BIN)/python deploy/bundle.py $(ARGS)

clean:  ## remove what the other targets made; var/ (your data) stays
	@rm -rf .venv build dist .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

lock:  ## compile both locks anew from pyproject.toml; add ARGS=--upgrade for newer versions
	@$(PYTHON) -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	@.venv/lock/bin/$(LOCK) $(ARGS) -o requirements.lock
	@.venv/lock/bin/$(LOCK) $(ARGS) --extra dev -c requirements.lock -o requirements-dev.lock
