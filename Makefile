# Tillgate. `make help` lists what can be made; every target brings its own environment.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Handed on to the command behind a target: make demo ARGS="--seed 7", make test ARGS="tests/ledger -x".
ARGS   ?=
# What `make prove` proves; 0 is every part.
PART   ?= 0

# uv is used where it is there, and never required.
UV       := $(shell command -v uv 2>/dev/null)
PIP      := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
APT      := DEBIAN_FRONTEND=noninteractive apt-get
SOURCES  := gateway channels connectors tests $(wildcard examples)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(VENV)/.runtime ## one whole business day, from a terminal to the bank and back
	@$(BIN)/tillgate demo $(ARGS)

.PHONY: up
up: $(VENV)/.runtime ## the same world, staying up until Ctrl-C
	@$(BIN)/tillgate up $(ARGS)

.PHONY: test
test: $(VENV)/.tests system-parts ## all tests, and the system parts they need
	@$(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal $(ARGS)

.PHONY: check
check: static test ## format, lint, strict types, house rules, tests

.PHONY: static
static: $(VENV)/.tests ## format, lint and strict types alone
	@held=0; \
	$(BIN)/ruff format --check --quiet $(SOURCES) || { echo 'not formatted: make format' >&2; held=1; }; \
	$(BIN)/ruff check --quiet $(SOURCES) || held=1; \
	$(BIN)/mypy || held=1; \
	exit $$held

.PHONY: format
format: $(VENV)/.tests ## format the sources
	@$(BIN)/ruff format $(SOURCES)

.PHONY: prove
prove: $(VENV)/.tests system-parts ## the promises at their full counts, PART=n for one part; JSON in build/prove.json
	@$(BIN)/pytest --prove $(PART) $(ARGS)

.PHONY: bench
bench: $(VENV)/.runtime ## durable transfers a second, beside their references on this machine
	@$(BIN)/tillgate bench ledger $(ARGS)

.PHONY: lock
lock: ## pin the dependencies anew (needs uv)
	@test -n '$(UV)' || { echo 'make lock needs uv' >&2; exit 1; }
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --extra build \
	  --output-file requirements.lock pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --extra build --extra hsm --extra test \
	  --constraint requirements.lock --output-file requirements-test.lock pyproject.toml

.PHONY: clean
clean: ## take away what was made here, the environment included
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The environment. A stamp stands for a lock that is installed; a newer lock is installed again.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Tillgate needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  test -n '$(UV)' && $(UV) venv --quiet --python $(PYTHON) $(VENV); } || { rm -rf $(VENV); \
	  echo '$(PYTHON) cannot make environments; on Debian: sudo apt-get install -y python3-venv' >&2; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.made
	$(call install,requirements.lock)
	@touch $@

# The tests' lock has every pin of the other one, so it stands for both.
$(VENV)/.tests: requirements-test.lock requirements.lock pyproject.toml | $(VENV)/.made
	$(call install,requirements-test.lock)
	@touch $(VENV)/.runtime $@

# The build backend is in the lock, so nothing is fetched to install the project itself.
define install
	@echo 'installing $(1)'
	@{ test -n '$(UV)' \
	  && $(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(1) \
	  && $(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	} || { { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; } \
	  && $(PIP) install --require-hashes -r $(1) \
	  && $(PIP) install --no-deps --no-build-isolation -e . ; }
endef

# What the tests need of the system is listed in tests/plugins/system_parts.py.
.PHONY: system-parts
system-parts: $(VENV)/.tests
	@missing="$$($(BIN)/python -m tests.plugins.system_parts)"; \
	if [ -z "$$missing" ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then \
	  echo "installing $$missing"; \
	  { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends $$missing >/dev/null; } \
	    || echo "could not install $$missing: the tests that need them are skipped" >&2; \
	else \
	  echo "missing: $$missing: the tests that need them are skipped; to have them:"; \
	  echo "  sudo apt-get install -y --no-install-recommends $$missing"; \
	fi
