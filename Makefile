# demo   a notebook cell becomes a Spark batch on a private Livy, from an empty machine
# lab    the same notebook in JupyterLab
# check  lint, types and pure tests: the quick part
# test   everything, on the real Livy and in a real browser as well
# js     build the panel's JavaScript anew from js/, and test it; wants Node
# bench-peers  what pylivy, Airflow and ipydatagrid cost, in environments of their own
# bench  the README's figures, each beside its reference; about twenty minutes

VENV ?= .venv
# The private Livy's Java comes as a Python package for 3.10 and 3.11; newer ones need a JDK 17 or 21.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 10))'
PYTHON ?= $(shell for python in python3.11 python3.10 python3; do $$python $(NEW_ENOUGH) 2>/dev/null && echo $$python && break; done)
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := $(VENV)/bin
# pip says a line for every package; of these, the large ones and what takes long.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
FEW_LINES := awk '/Downloading .* MB/ {print "  " $$(NF-2) " " $$(NF-1) " " $$NF; fflush()} /^(Building wheels|Installing collected)/ {print "  " tolower($$1) " packages ..."; fflush()}'
TEST := $(VENV)/.installed-test
# What is submitted from here is not remembered among your own batches.
export LIVY_HISTORY ?= $(abspath $(VENV))/history.sqlite
LAB := $(VENV)/.installed-lab
PEERS := $(VENV)/peers
# Other ipykernels, in which the panel is tested as well.
KERNELS := $(patsubst %,$(VENV)/kernels/ipykernel-%/.installed,6.31.0 7.1.0)
MODULES := js/node_modules/.package-lock.json

.PHONY: demo lab check test bench bench-peers lint types unit live kernels chromium browser js notebooks clean
.DELETE_ON_ERROR:

demo: $(TEST)
	@$(BIN)/python notebooks/demo.py

lab: $(LAB)
	@$(BIN)/jupyter lab notebooks/quickstart.ipynb

check: lint types unit

test: check live browser notebooks

bench: $(TEST) chromium
	@PYTHONPATH=tests:tests/browser $(BIN)/python tests/bench $(PARTS)

bench-peers: $(TEST) $(PEERS)/.installed chromium
	@PYTHONPATH=tests:tests/browser $(BIN)/python tests/bench/peers.py $(PEERS)

$(PEERS)/.installed:
	@echo "Installing pylivy, Airflow's LivyHook and ipydatagrid (about 800 MB) ..."
	@for peer in pylivy airflow ipydatagrid; do "$(PYTHON)" -m venv $(PEERS)/$$peer; done
	@$(PEERS)/pylivy/bin/pip install --quiet livy==0.8.0
	@$(PEERS)/airflow/bin/pip install --quiet apache-airflow-providers-apache-livy==4.6.4
	@$(PEERS)/ipydatagrid/bin/pip install --quiet ipydatagrid==1.4.0 'jupyterlab>=4.6,<4.7'
	@touch $@

lint: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST)
	$(BIN)/mypy

unit: $(TEST) $(MODULES)
	$(BIN)/python -m pytest tests/unit

live: $(TEST)
	$(BIN)/python -m pytest tests/live

browser: $(TEST) kernels chromium
	$(BIN)/python -m pytest tests/browser

kernels: $(KERNELS)

# The tests that want one of these say so themselves where it could not be installed, and fail under CI.
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  echo "Installing Chromium ..."; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	  $${sudo-} apt-get install --yes --quiet=2 chromium; \
	} || echo "Chromium could not be installed here: install it, or Google Chrome, for the tests of the panel."

js: $(MODULES)
	cd js && npm run build && npm test

# Without Node this makes nothing; the tests that want it say so, and fail under CI.
$(MODULES): js/package-lock.json
	@if command -v npm >/dev/null; then cd js && npm ci --silent --no-fund --no-audit; \
	else echo "The panel's JavaScript is not tested here: install Node 20 or newer."; fi

notebooks: $(TEST)
	$(BIN)/python -m pytest --nbval --nbval-sanitize-with notebooks/sanitize.cfg notebooks

$(TEST): pyproject.toml | $(BIN)/python
	@echo "Installing livy-magic, its tests and its private Livy (about 700 MB; a few minutes the first time) ..."
	@$(INSTALL) --editable '.[local,test]' | $(FEW_LINES)
	@touch $@

$(VENV)/kernels/ipykernel-%/.installed: | $(TEST)
	@echo "Installing ipykernel $* ..."
	@rm -rf $(@D)
	@$(INSTALL) --quiet --no-deps --target $(@D) ipykernel==$* nest-asyncio
	@touch $@

$(LAB): $(TEST)
	@echo "Installing JupyterLab ..."
	@$(INSTALL) --editable '.[lab]' | $(FEW_LINES)
	@touch $@

$(BIN)/python:
	@"$(PYTHON)" $(NEW_ENOUGH) || { echo "Python 3.10 or newer is needed: install it, or say make PYTHON=/path/to/python"; exit 1; }
	@echo "Making a virtual environment in $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) js/node_modules build dist .pytest_cache .mypy_cache .ruff_cache
