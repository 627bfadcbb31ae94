# What a person or a CI does with this repository. `make help` lists it.
#
# Everything installed goes into .venv and node_modules; nothing outside this directory is touched.
# PYTHON=/path/to/python chooses the interpreter of a new .venv.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
PYTHON ?=
ARGS ?=
PEERS ?=
SEED ?=
SEEDS ?=

.PHONY: help demo once test lint format bench e2e clients golden conformance simulate chaos kill fuzz constraints clean

help: ## List the targets.
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /\1\t/' | column -t -s $$'\t'

demo: $(VENV)/.demo ## Run a complete gateway with a simulated upstream, until Ctrl-C.
	@$(BIN)/clavis demo $(ARGS)

once: $(VENV)/.sdks ## Ask the demo eight questions with the vendors' SDKs; fails unless all are answered.
	@$(BIN)/clavis demo --once $(ARGS)

test: lint node_modules/.installed ## Lint, then every test in its short form.
	$(BIN)/pytest -m "not slow" $(ARGS)

lint: $(VENV)/.dev ## ruff and mypy, strict.
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

e2e: $(VENV)/.dev node_modules/.installed ## Only the tests with the real Envoy.
	$(BIN)/pytest -m e2e $(ARGS)

clients: $(VENV)/.dev ## Claude Code, Codex and Gemini CLI through the gateway, on every provider's models.
	@cd tests/e2e/clients && PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-package-lock --no-audit --no-fund --loglevel=error
	$(BIN)/pytest -m slow tests/e2e/test_clients.py $(ARGS)

golden: $(VENV)/.dev ## Write the golden files of the translators anew; review them as a diff.
	$(BIN)/python -m tests.translators.conformance.golden

conformance: $(VENV)/.dev ## Write docs/conformance.md and the tables of docs/losses.md from them.
	$(BIN)/python -m tests.translators.conformance.page

simulate: $(VENV)/.dev ## 100 seeds of each simulation of the ledger; SEEDS=n for more, SEED=n replays one.
	SEED=$(SEED) SEEDS=$(if $(SEEDS),$(SEEDS),100) $(BIN)/pytest tests/ledger/test_simulation.py tests/ledger/test_money_faults.py tests/extproc/test_outage_simulation.py $(ARGS)

chaos: $(VENV)/.dev ## A minute of accounts that fail at random under load; SEED=n replays a run.
	CHAOS_SECONDS=60 CHAOS_SEED=$(SEED) $(BIN)/pytest tests/e2e/test_chaos.py -s $(ARGS)

kill: $(VENV)/.dev ## Two minutes of kill -9 of workers, Redis, writer, Envoy and everything under load; SEED=n replays a run.
	KILL_SECONDS=120 KILL_SEED=$(SEED) $(BIN)/pytest -m slow tests/e2e/test_killed.py -n 0 -s $(ARGS)

fuzz: $(VENV)/.dev ## 100,000 damaged inputs for every decoder; FUZZ_SEED=n replays a run.
	$(BIN)/pytest -m slow tests/translators/test_fuzz.py -s $(ARGS)

bench: $(VENV)/.dev ## Measure against the floor; PEERS=1 also against other gateways.
	PEERS=$(PEERS) $(BIN)/python -m bench $(ARGS)

constraints: ## Pin every package that pyproject.toml leads to, from a new environment.
	@directory=$$(mktemp -d); trap 'rm -rf "$$directory"' EXIT; \
	$(call find_python,python); "$$python" -m venv "$$directory/venv"; \
	"$$directory/venv/bin/python" -m pip --disable-pip-version-check install --quiet -e '.[sdks,dev]'; \
	"$$directory/venv/bin/python" -m pip --disable-pip-version-check freeze --exclude-editable \
	  | grep -v '@\|^#' > constraints.txt; \
	echo "constraints.txt: $$(wc -l < constraints.txt) packages"

clean: ## Remove what was made; ALL=1 also .venv and node_modules.
	rm -rf .demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './node_modules/*' -prune -exec rm -rf {} +
	$(if $(ALL),rm -rf $(VENV) node_modules)

# ---- installation: a stamp for each extent, made anew when the pins change

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Clavis into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.sdks: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Clavis and the vendors' SDKs into $(VENV) ..."
	@$(PIP) -e '.[sdks]'
	@touch $@ $(VENV)/.demo

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Clavis, the vendors' SDKs and the tools into $(VENV) ..."
	@$(PIP) -e '.[sdks,dev]'
	@touch $@ $(VENV)/.sdks $(VENV)/.demo

$(BIN)/python:
	@$(call find_python,python); \
	if ! "$$python" -m venv $(VENV) >/dev/null 2>&1; then \
	  rm -rf $(VENV); \
	  echo "$$python cannot make a virtual environment: install its venv module" \
	       "(Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; fi

# The vendors' Node SDKs, for the tests that use them. Node itself comes from PyPI with the tools.
node_modules/.installed: package.json | $(VENV)/.dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

# Sets the shell variable $(1) to a Python that will do, or says what is missing. A name in PATH is not
# enough: version managers put names there that run nothing.
define find_python
$(1)=; for name in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then $(1)=$$name; break; fi; \
done; \
if [ -z "$$$(1)" ]; then \
  echo "Python 3.11 or newer is needed: install python3.11 and its venv module," \
       "or say where it is: make PYTHON=/path/to/python" >&2; exit 1; \
fi
endef
