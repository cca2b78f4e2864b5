# The only commands that people and CI use: setup, demo, test, check, bench, docs.
# The newest Python that Lentigo is tested with; `make PYTHON=... setup` takes another.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c '$(SUITABLE)' 2>/dev/null && { echo $$name; break; }; done)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# uv where it is there: the same packages, sooner. `make UV= setup` goes without.
UV     ?= $(shell command -v uv)
INSTALL = $(if $(UV),$(UV) pip install --quiet --python $(VENV),$(BIN)/python -m pip install --quiet --disable-pip-version-check)

export TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_ENABLE_ONEDNN_OPTS ?= 1
# Without compiled files, every process that a test starts would compile Lentigo anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test types fast-tests check bench docs
setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 was found; expected one: install it, or name it: make PYTHON=/path/to/python3.12 setup"; exit 1; }
	if [ -n "$(UV)" ]; then $(UV) venv --quiet --seed --clear --python "$(PYTHON)" $(VENV); else $(PYTHON) -m venv $(VENV); fi
	$(INSTALL) -c constraints.txt -e '.[train,export,parquet,archive,heic,dicom,serve,postgres,tune,cluster,dev,docs]'
	touch $(READY)

demo: setup
	$(BIN)/python bench/demo.py

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	@$(MAKE) --no-print-directory -j 2 types fast-tests

# Two halves of `make test`, side by side: on a new checkout the types alone take a minute.
types: setup
	$(BIN)/mypy

fast-tests: setup
	$(BIN)/python -m pytest -m "not check" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/python deploy/advisories.py
	@npm install --prefix tests/serving --no-package-lock --no-audit --no-fund --silent 2>/dev/null || echo "axe-core is not installed: its test is skipped; it needs npm and a network"
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: setup
	$(BIN)/lentigo bench --out bench.json $(ARGS)

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html"
