# make run   sets up .venv and runs the straggler scenario
# make test  sets up .venv, then lints, type-checks and runs every test
# make docs  sets up .venv and builds the pages and the reference into site/; open site/index.html
# All install exactly what requirements.lock names. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/installed

.PHONY: run test fuzz docs experiments benchmark lock clean

run: $(READY)
	$(BIN)/gossim run scenarios/straggler.yaml --force

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# Scenarios that nobody thought of, for so many minutes.
MINUTES ?= 10
SEED ?= 0
fuzz: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz.py --minutes $(MINUTES) --seed $(SEED)

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

experiments: $(READY)
	$(BIN)/python analysis/experiments.py

benchmark: $(READY)
	$(BIN)/python -m benchmarks

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "gossim needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
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
