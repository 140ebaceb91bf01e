# Every target says what it does after `##`; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
# Two workers; the tests that need a cluster stay together in one of them (tests/conftest.py).
PYTEST_ARGS ?= -n 2
TESTS ?=
NODE ?= real
SCENARIO ?=

.PHONY: help setup dev demo test test-fast verify bench bench-short bench-engine bench-local bench-soak bench-page docs lock audit sbom crds manifests cluster-up cluster-down clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.stamp-run ## make .venv with what brood needs at run time (a second call does nothing)
dev: $(VENV)/.stamp-dev ## the same, with the tools for tests and checks

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "brood needs Python 3.11 or later; set PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no virtual environment could be made (on Debian: apt-get install python3-venv)" >&2; exit 1; }

$(VENV)/.stamp-run: requirements/run.lock pyproject.toml | $(BIN)/python
	@echo "setting up $(VENV)"
	@$(PIP) install --require-hashes -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.stamp-dev: requirements/dev.lock $(VENV)/.stamp-run
	@echo "setting up $(VENV) for tests"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

demo: setup ## run examples/02-parallel-video on this machine, without a cluster
	@$(BIN)/brood run examples/02-parallel-video/

test: dev ## all tests, the ones on a real Kubernetes node included (root and Go; else they are skipped)
	@$(BIN)/python -m tests.cluster prepare
	@$(BIN)/python -m pytest $(PYTEST_ARGS) $(TESTS)

test-fast: dev ## the tests that need no cluster and less than ten seconds each
	@$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not kubernetes and not slow" $(TESTS)

verify: dev ## lint, format, types, layers, and whether generated files are current
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m brood.api.crd --check
	@$(BIN)/zensical build --strict -f mkdocs.yml >/dev/null

docs: dev ## write the generated pages of docs/ anew and build site/
	@$(BIN)/python -m tests.reference
	@$(BIN)/zensical build --strict -f mkdocs.yml

crds: setup ## write crds/*.yaml, and the chart's copy of them, from the models in brood.api
	@$(BIN)/python -m brood.api.crd

manifests: dev ## write deploy/brood.yaml, which is what the chart makes (needs Go: helm is built with it)
	@$(BIN)/python -m tests.kubernetes.charts

LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
lock: dev ## write requirements/*.lock anew from pyproject.toml (newest versions that fit)
	@$(LOCK) --upgrade --group dev pyproject.toml -o requirements/dev.lock
	@$(LOCK) --upgrade --group build -c requirements/dev.lock pyproject.toml -o requirements/run.lock
	@$(LOCK) --upgrade --group build --extra otel -c requirements/dev.lock pyproject.toml -o requirements/image.lock

audit: dev ## look for known vulnerabilities of the image's packages; fails where it cannot ask about all of them
	@$(BIN)/uv tool run -q pip-audit@2.10.1 --strict --require-hashes --disable-pip --progress-spinner off -r requirements/image.lock

sbom: dev ## write dist/sbom.json: what the image is made of, as CycloneDX, with the hashes of the lock
	@mkdir -p dist
	@$(BIN)/uv tool run -q --from cyclonedx-bom==7.5.0 python -W ignore -m cyclonedx_py requirements --output-reproducible \
	  --pyproject pyproject.toml -o dist/sbom.json requirements/image.lock

cluster-up: dev ## start a Kubernetes from plain binaries on this machine; NODE=real|kwok|none
	@$(BIN)/python -m tests.cluster up --node $(NODE)

cluster-down: dev ## stop it and remove its state
	@$(BIN)/python -m tests.cluster down

bench: dev ## measure on simulated nodes beside the native baseline; SCENARIO=T2 N=1000 REPEAT=3
	@$(BIN)/python -m bench.cluster $(SCENARIO) $(if $(N),--n $(N)) $(if $(REPEAT),--repeat $(REPEAT))

bench-short: dev ## a minute of it, which fails where a count of writes or a ratio is out of its range
	@$(BIN)/python -m bench.cluster --short

bench-engine: dev ## time plans of the engine alone, without a cluster
	@$(BIN)/python -m bench.engine

bench-local: dev ## time brood run beside bare processes
	@$(BIN)/python -m bench.local

bench-soak: dev ## 10,000 runs one after another: memory stays flat
	@$(BIN)/python -m bench.soak

bench-page: dev ## write the tables of docs/performance.md anew from bench/results
	@$(BIN)/python -m bench.page

clean: ## remove what the build and the tools left here (not the caches in ~/.cache/brood)
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +
