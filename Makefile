# make run        runs the straggler scenario
# make lint       checks style, formatting, spelling and types
# make test       lints, then runs the tests, all but the slow ones
# make test-all   runs the slow tests, those alone: notebooks, site, long statistics, large networks
# make docs       builds the pages and the reference into site/; open site/index.html
# make notebooks  runs the notebooks and writes their pages into docs/notebooks/, in about ten minutes
# make benchmark  measures the speed
# make validation compares the clock with what was measured, in minutes, and writes docs/validation.md
# Each sets up .venv first, in the versions that requirements.lock names: `make run` with what running needs, the others
# with the tools for tests and pages besides. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
RUNS := .venv/runs
READY := .venv/installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run lint test test-all fuzz kill docs notebooks experiments benchmark validation lock clean

run: $(RUNS)
	$(BIN)/gossim run scenarios/straggler.yaml

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/python docs/check_words.py
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test: lint
	$(PYTEST)

# pytest ends with 5 when it has no test to run, which is no failure here.
test-all: $(READY)
	$(PYTEST) -m slow || test $$? -eq 5

# Scenarios that nobody thought of, for so many minutes.
MINUTES ?= 10
SEED ?= 0
fuzz: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz.py --minutes $(MINUTES) --seed $(SEED)

# Runs and sweeps are killed at random points, TIMES times, and have to end in the same tables.
TIMES ?= 100
kill: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python tests/kill.py --times $(TIMES) --seed $(SEED)

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

notebooks: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python analysis/notebook_pages.py

experiments: $(READY)
	$(BIN)/python analysis/experiments.py

benchmark: $(READY)
	$(BIN)/python -m benchmarks

validation: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.validation

$(RUNS): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "gossim needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(PIP) --constraint requirements.lock flit_core
	$(PIP) --constraint requirements.lock --no-build-isolation --editable .
	@touch $(RUNS)

$(READY): $(RUNS)
	$(PIP) --requirement requirements.lock
	@touch $(READY)

# Resolves pyproject.toml afresh in an empty environment and writes down what it got.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet torch==2.13.0 flit_core setuptools
	.venv-lock/bin/python -m pip install --quiet '.[dev]'
	sed -n '/^#/p' requirements.lock > requirements.new
	.venv-lock/bin/python -m pip freeze --all --exclude gossim --exclude pip | sed 's/+cpu//' >> requirements.new
	mv requirements.new requirements.lock && rm -rf .venv-lock

clean:
	rm -rf .venv .venv-lock site
