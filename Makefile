# Every target does its own set-up in .venv inside this clone; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench corpus flow reference promises mutants fuzz golden chaos conformance clean help
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml guardproxy/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'guardproxy needs Python 3.11 or newer; set PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'setting up $(VENV) (once) ...'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY) ## the main job, end to end, with a stand-in model: no API key needed
	@$(BIN)/guardproxy demo

lint: $(READY) ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## lint, then all of the tests, two processes at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

bench: $(READY) ## CPU per request and per streamed chunk, as ratios to a bare proxy of the same run
	$(BIN)/python -m bench

corpus: $(READY) ## findings of each rule in ordinary text, held against bench/budget.yaml
	$(BIN)/python -m bench.corpus --check

flow: $(READY) ## scripted runs of agents against the example policy agent-tools: attacks stopped, others touched
	@$(BIN)/python -m tests.flow

reference: $(READY) ## the schemas for editors and the tables of the policy reference, from the code
	@for kind in policy rule cases settings; do $(BIN)/guardproxy schema $$kind > policies/schema/$$kind.json; done
	$(BIN)/guardproxy schema --update policies/README.md

promises: $(READY) ## the fourteen promises, twenty times as deep
	HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest tests/promises

mutants: $(READY) ## mistakes put into the engine that the tests must notice
	$(BIN)/python -m tests.promises.mutants

fuzz: $(READY) ## 20,000 malformed requests to a running proxy: no failure, no leak, nothing forwarded unlooked at
	$(BIN)/python -m tests.fuzz --requests 20000

golden: $(READY) ## write anew what comes of each transcript in tests/golden/transcripts; the diff is for you to judge
	@$(BIN)/python -m tests.transcripts

chaos: $(READY) ## proxies and their store killed, stopped, slowed and set back under load: every account stays exact
	@$(BIN)/python -m tests.chaos

conformance: $(READY) ## the clients of OpenAI and Anthropic, LangChain and the AI SDK against a running proxy (brings them with pip and npm)
	@$(BIN)/python -m tests.conformance

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .conformance .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
