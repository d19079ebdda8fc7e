# Everything a developer or an operator types.
VENV := .venv
BIN := $(VENV)/bin
# Any Python from 3.11 on; looked for only when the virtual environment is made.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do command -v $$p >/dev/null && \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
# The stamps carry the check sum of their lock file, so an unchanged lock costs nothing.
RUNTIME := $(VENV)/installed-$(firstword $(shell cksum requirements.lock))
TOOLS := $(VENV)/installed-dev-$(firstword $(shell cksum requirements-dev.lock))
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --python-version 3.11 pyproject.toml
# The system's certificates, as every other program here uses; pip, slower, where uv finds no way to the index.
INSTALL = $(BIN)/uv --system-certs pip install --quiet --python $(BIN)/python --require-hashes -r $(1) || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
# More processes than this only get in each other's way on two cores.
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test check bench soak lock browser redis nginx archivers

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

run: $(RUNTIME) ## install what is missing and start everything in the foreground
	@exec $(BIN)/python -m studio run --with-parent

test: $(TOOLS) browser redis nginx archivers ## run the tests
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal -m "not soak"

# Reading the settings makes keys: not in the home somebody uses.
check: export ATELIER_HOME := $(CURDIR)/$(VENV)/check
check: export ATELIER_TESTING := 1
check: $(TOOLS) ## check format, lint, types, imports, templates, migrations and lock files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --check --target-version 5.2
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@if grep -nE '[a-z]+://' requirements.lock requirements-dev.lock docker/requirements.lock; then echo "A lock file names a host." >&2; exit 1; fi

bench: $(TOOLS) redis ## measure the product's promises as a table and JSON
	$(BIN)/python -m tests.bench

soak: $(TOOLS) browser redis ## run the long campaigns of crashes and races
	$(BIN)/python -m pytest -m soak

lock: $(TOOLS) ## resolve the dependencies anew; the lock files agree on every version
	$(COMPILE) --upgrade --all-extras --output-file requirements-dev.lock
	$(COMPILE) --no-annotate --constraint requirements-dev.lock --extra embedded --extra redis --extra s3 --output-file requirements.lock
	$(COMPILE) --no-annotate --constraint requirements-dev.lock --extra redis --extra s3 --output-file docker/requirements.lock

browser:
	@tests/need.sh chromium chromium chromium-browser google-chrome

redis:
	@tests/need.sh redis-server redis-server

nginx:
	@PATH="$$PATH:/usr/sbin" tests/need.sh nginx-light nginx

# What people fetch and open archives with.
archivers:
	@tests/need.sh curl curl
	@tests/need.sh wget wget
	@tests/need.sh unzip unzip
	@tests/need.sh 7zip 7zz 7z

$(BIN)/uv:
	@test -n "$(PYTHON)" || { echo "Atelier needs Python 3.11 or newer, and none was found." >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { echo "Install the venv module of Python (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/python -c 'import os, sysconfig; open(sysconfig.get_path("purelib") + "/atelier.pth", "w").write(os.getcwd())'

$(RUNTIME): $(BIN)/uv
	@$(call INSTALL,requirements.lock)
	@touch $@

$(TOOLS): $(BIN)/uv
	@$(call INSTALL,requirements-dev.lock)
	@touch $@
