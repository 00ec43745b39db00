# Each target makes what it needs, .venv first; nothing has to be installed but Python 3.11 to 3.13 and make.
#   make demo   make test   make test-codes   make test-all   make test-system   make lint   make docs   make bench
#   make test-samples   make crash   make chaos   make idx-big   make clean
#   make test-oldest    the quick tests with the oldest dependencies that pyproject.toml allows
#   make test-pythons   the quick tests with each of Python 3.11, 3.12 and 3.13 that is found, or PYTHONS="/path/to/python …"
# PYTHON=python3.12 picks another Python for .venv; PYTEST_ARGS="-k lock" reaches pytest.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
QUICK := -n 2 --dist loadgroup tests/unit tests/codes tests/flow
PYTHONS ?= python3.11 python3.12 python3.13
PACKAGING := setup.py pyproject.toml ProcessQueue.py $(wildcard scripts/*.py)

.PHONY: help demo test test-codes test-all test-samples test-system test-oldest test-pythons lint docs bench crash chaos idx-big clean

help:
	@sed -n '/^#/s/^# //p;/^$$/q' Makefile

demo: .venv/installed
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/python -m pytest -n 3 --dist loadgroup $(PYTEST_ARGS)

# The shipped codes stand on their own, and so do their tests.
test-codes: .venv/installed-test
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/codes $(PYTEST_ARGS)

test-all: .venv/installed-test
	$(BIN)/python -m tests.kit.samples
	$(MAKE) test PYTEST_ARGS="--thorough $(PYTEST_ARGS)"

# The converters on real files of others, which test-all has, too.
test-samples: .venv/installed-test
	$(BIN)/python -m tests.kit.samples
	$(BIN)/python -m pytest -n 2 --thorough tests/codes/test_samples.py $(PYTEST_ARGS)

# With programs that no Python package brings; as root on Debian it installs them.
test-system: .venv/installed-test
	sh tests/system/needs.sh
	$(BIN)/python -m pytest --thorough tests/system tests/unit/storage/stores/test_sftp.py $(PYTEST_ARGS)

test-oldest: .venv/created
	$(BIN)/python -m venv --clear build/oldest
	$(BIN)/python tests/oldest.py > build/oldest/constraints.txt
	build/oldest/bin/python -m pip install -qq --disable-pip-version-check --only-binary :all: \
		--constraint build/oldest/constraints.txt --editable '.[test]'
	build/oldest/bin/python -m pytest $(QUICK) $(PYTEST_ARGS)

test-pythons:
	sh tests/pythons.sh "$(PYTHONS)" $(QUICK) $(PYTEST_ARGS)

lint: .venv/installed-test
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --diff .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/docs
	@echo "build/docs/index.html"

bench: .venv/installed-bench
	$(BIN)/python bench/run.py

crash: .venv/installed-test
	$(BIN)/python -m tests.crash.campaign $(CRASH_ARGS)
	$(BIN)/python -m tests.crash.load $(LOAD_ARGS)
	$(BIN)/python -m tests.crash.transfer $(TRANSFER_ARGS)

chaos: .venv/installed-test
	$(BIN)/python -m tests.crash.chaos $(CHAOS_ARGS)

idx-big: .venv/installed-test
	$(BIN)/python -m tests.big.idx $(BIG_ARGS)

clean:
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/created:
	@test -n "$(PYTHON)" || { echo "dbproc needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/installed: .venv/created $(PACKAGING)
	$(PIP) --editable .
	@touch $@

.venv/installed-%: .venv/created $(PACKAGING)
	$(PIP) --editable '.[$*]'
	@touch .venv/installed $@
