# What a person types here; `make` alone lists it. Everything lives in .venv, nothing outside.

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell command -v $(name) >/dev/null 2>&1 && \
		$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
JOBS ?= 2
BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-slow test-all check lock migration reference site bench judges sbom audit clean
MAKEFLAGS += --no-print-directory
# Without bytecode every program that a test starts, and every worker, compiles all of ours anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## List what can be typed
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## Set up .venv (the other targets do it too)

demo: $(READY) ## Run the sample newsletter end to end against the built-in inbox
	@$(BIN)/digest demo

test: $(READY) ## Run the tests; those that take long are in test-slow
	@$(BIN)/pytest --quiet --numprocesses $(JOBS) --dist worksteal -m "not slow"

test-slow: $(READY) ## Run the tests that take long
	@$(BIN)/pytest --quiet -m slow || [ $$? -eq 5 ]

test-all: $(READY) ## Run every test
	@$(BIN)/pytest --quiet --numprocesses $(JOBS) --dist worksteal

check: $(READY) ## Lint, format, types, who imports whom, reference, wheel
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.venv/imports 2>&1 || { cat .venv/imports; exit 1; }
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/pytest --quiet tests/test_house.py

lock: $(READY) ## Choose every version anew and write requirements.lock (asks the network)
	@$(BIN)/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-header --no-emit-index-url --extra postgres --extra sign --extra pictures \
		--extra fleet --extra fast --extra oidc --group dev pyproject.toml \
		--output-file requirements.lock

migration: $(READY) ## Draft the next step of the schema: make migration TITLE="…"
	@$(BIN)/python .ci/migration "$$TITLE"

reference: $(READY) ## Write docs/reference from the commands and the keys of config.yaml
	@$(BIN)/python docs/generate.py

site: $(READY) ## Write the documents as pages into .venv/site-pages
	@[ -x .venv/site/bin/mkdocs ] || { $(PYTHON) -m venv .venv/site && .venv/site/bin/python -m pip --quiet \
		--disable-pip-version-check install --require-hashes --requirement docs/requirements.lock; }
	@NO_MKDOCS_2_WARNING=1 .venv/site/bin/mkdocs --quiet build

bench: $(READY) ## Measure what the README claims; all of it, also where one misses its mark
	@missed=; for script in bench/[a-z]*.py bench.sending bench.scale bench.chaos; do \
		echo "== $$script"; \
		case $$script in *.py) set -- "$$script";; *) set -- -m "$$script";; esac; \
		$(BIN)/python "$$@" || missed="$$missed $$script"; \
	done; \
	[ -z "$$missed" ] || { echo "Failed, or missed its mark:$$missed"; exit 1; }

judges: $(READY) ## Ask third-party programs about the sample's mail; installs what is missing
	@$(BIN)/python -m bench.judges

sbom: $(READY) ## Write what this program is made of (CycloneDX) into .venv/sbom.json
	@$(BIN)/python .ci/sbom >.venv/sbom.json

audit: $(READY) ## Ask a database of known holes about every locked package (asks the network)
	@[ -x .venv/audit/bin/pip-audit ] || { $(PYTHON) -m venv .venv/audit && .venv/audit/bin/python -m pip \
		--quiet --disable-pip-version-check install pip-audit; }
	@.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		--requirement requirements.lock || { echo "What is wrong stands above. If it could" \
		"not ask at all, docs/decisions/audit.md is what was looked at by hand."; exit 1; }

clean: ## Remove .venv and caches; var/ with its database stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	@find digest tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is missing. As root, type:" \
		"apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is missing." \
		"As root, type: apt-get install python3-venv"; exit 1; }
	@command -v git >/dev/null || { echo "git is missing. As root, type: apt-get install git"; exit 1; }
	@echo "Setting up .venv; the first time takes a few minutes."
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@
