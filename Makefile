# demo   a notebook cell becomes a Spark batch on a private Livy, from an empty machine
# lab    the same notebook in JupyterLab
# check  lint, types and pure tests: the quick part
# test   everything, on the real Livy, in a real browser and from a wheel as well
# wheels the wheel as users get it, on each Python of this machine
# js     build the panel's JavaScript anew from js/, and test it; wants Node
# bench-peers  what pylivy, Airflow and ipydatagrid cost, in environments of their own
# bench  the README's figures, each beside its reference; about twenty minutes

VENV ?= .venv
# The Python to make it with; the newest one that is supported, if none is named.
PYTHON ?=
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := $(VENV)/bin
INSTALL := tests/pip_install.sh $(VENV)
TEST := $(VENV)/.installed-test
# What is submitted from here is not remembered among your own batches.
export LIVY_HISTORY ?= $(abspath $(VENV))/history.sqlite
LAB := $(VENV)/.installed-lab
PEERS := $(VENV)/peers
# Other ipykernels, in which the panel is tested as well.
KERNELS := $(patsubst %,$(VENV)/kernels/ipykernel-%/.installed,6.31.0 7.1.0)
MODULES := js/node_modules/.package-lock.json

.PHONY: demo lab check test bench bench-peers lint types unit live kernels chromium browser js notebooks wheels clean
.DELETE_ON_ERROR:

demo: $(TEST)
	@$(BIN)/python notebooks/demo.py

lab: $(LAB)
	@$(BIN)/jupyter lab notebooks/quickstart.ipynb

check: lint types unit

test: check live browser notebooks wheels

bench: $(TEST) chromium
	@PYTHONPATH=tests:tests/browser $(BIN)/python tests/bench $(PARTS)

bench-peers: $(TEST) $(PEERS)/.installed chromium
	@PYTHONPATH=tests:tests/browser $(BIN)/python tests/bench/peers.py $(PEERS)

$(PEERS)/.installed: | $(BIN)/python
	@echo "Installing pylivy, Airflow's LivyHook and ipydatagrid (about 800 MB) ..."
	@for peer in pylivy airflow ipydatagrid; do $(BIN)/python -m venv $(PEERS)/$$peer; done
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

wheels: $(TEST)
	$(BIN)/python -m pytest --verbose tests/wheels

$(TEST): pyproject.toml | same-python
	@echo "Installing livy-magic, its tests and its private Livy (about 700 MB; a few minutes the first time) ..."
	@$(INSTALL) --editable '.[local,test]'
	@touch $@

$(VENV)/kernels/ipykernel-%/.installed: | $(TEST)
	@echo "Installing ipykernel $* ..."
	@rm -rf $(@D)
	@$(INSTALL) --quiet --no-deps --target $(@D) ipykernel==$* nest-asyncio
	@touch $@

$(LAB): $(TEST)
	@echo "Installing JupyterLab ..."
	@$(INSTALL) --editable '.[lab]'
	@touch $@

$(BIN)/python:
	@python='$(PYTHON)'; \
	if [ -z "$$python" ]; then python=$$(tests/pythons.sh | sed -n '1s/^[^ ]* //p'); fi; \
	[ -n "$$python" ] || { echo "Python 3.10 to 3.14 is needed: install one, or name it: make PYTHON=/path/to/python"; exit 1; }; \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	  || { echo "$$python is no Python 3.10 or newer that can make virtual environments (on Debian, python3-venv adds that)"; exit 1; }; \
	echo "Making a virtual environment in $(VENV) with $$("$$python" -V), $$python (make PYTHON=... takes another) ..."; \
	"$$python" -m venv $(VENV)

# One that is there was made with some Python already.
.PHONY: same-python
same-python: $(BIN)/python
	@[ -z '$(PYTHON)' ] || [ "$$('$(PYTHON)' -V 2>/dev/null)" = "$$($(BIN)/python -V)" ] \
	  || { echo "$(VENV) has $$($(BIN)/python -V): make clean removes it, make VENV=.venv-other PYTHON=$(PYTHON) makes another"; exit 1; }

clean:
	rm -rf $(VENV) js/node_modules build dist .pytest_cache .mypy_cache .ruff_cache
