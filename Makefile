# The verbs people and CI run. Only `make run` and `make test` are needed to start.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run build test fuzz check lint perf eval lock docs clean

run: build
	@$(BIN)/lynkr serve $(ARGS)

test: build
	@$(BIN)/python -m pytest $(ARGS)

# Property tests with new examples at each run; the other targets try the same ones every time.
fuzz: build
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=fuzz $(ARGS)

check: lint
	@$(BIN)/python -m pytest -m "not e2e and not slow" $(ARGS)

lint: build
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

perf: build
	@$(BIN)/python -m perf $(ARGS)

eval: build
	@$(BIN)/python -m eval $(if $(DATA),--data $(DATA)) $(ARGS)

build: $(VENV)/.built

# Rebuilt when a compiled source, the build description or the lock changes.
$(VENV)/.built: $(VENV)/.deps setup.py pyproject.toml $(wildcard lynkr/_native/*.pyx lynkr/_native/*.pxd lynkr/gateway/*.p* lynkr/server/front.py lynkr/telemetry/*.py lynkr/transforms/*.py lynkr/transforms/*/*.py lynkr/upstream/pool.py lynkr/policies/*.py lynkr/policies/*/*.py lynkr/stores/*.p* lynkr/wire/*.py lynkr/wire/*/*.py)
	@$(BIN)/python setup.py --quiet build_ext --inplace --parallel 2
	@touch $@

$(VENV)/.deps: requirements.lock
	@sh scripts/preflight.sh $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock:
	@$(PYTHON) -m piptools compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	  --no-emit-trusted-host --no-emit-find-links --extra dev --output-file requirements.lock pyproject.toml

docs: build
	@$(BIN)/python -m lynkr config-schema > docs/lynkr.schema.json
	@$(BIN)/python -m lynkr cli-reference > docs/cli.md
	@$(BIN)/python -m tests.conformance > docs/conformance.md

clean:
	rm -rf $(VENV) build *.egg-info lynkr/_native/*.c lynkr/_native/*.so
