# What people do with this project. Everything is installed into .venv, and nothing else is touched.

PORT ?= 8000
HOST ?= 127.0.0.1
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make requirements'
export DEBUG ?= true
ifdef DATA_DIR
export DATA_DIR
endif

.PHONY: run shell test test-slow test-all bench lint format schema bundle requirements install install-dev clean

run: install  ## serve on http://127.0.0.1:8000/ with a demo
	@$(BIN)/python manage.py serve --host $(HOST) --port $(PORT)

shell: install  ## a Python shell with the models
	@$(BIN)/python manage.py shell

test: install-dev  ## the fast tests; with DATABASE_URL=postgres://... on PostgreSQL
	@$(BIN)/python -m pytest -m "not slow" -n auto

test-slow: install-dev  ## those with a running server, and those over hundreds of files
	@$(BIN)/python -m pytest -m slow

test-all: test test-slow

bench: install-dev  ## how fast it is, and which goals are met; BENCH="--help" lists what can be chosen
	@$(BIN)/python -m benchmarks $(if $(ROWS),--rows=$(ROWS)) $(if $(ROUNDS),--rounds=$(ROUNDS)) $(if $(ONLY),--only='$(ONLY)') $(BENCH)

lint: install-dev  ## style, types, imports, forgotten migrations, and templates
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/shellcheck .ci/* config/*.sh benchmarks/*.sh deploy/*.sh .platform/hooks/*/*.sh tests/deploy/stand_in/docker
	@$(BIN)/cfn-lint deploy/*.yaml

format: install-dev
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

schema: install  ## writes openapi.yaml anew
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file openapi.yaml

bundle:  ## writes the bundle for Elastic Beanstalk; with IMAGE=name@sha256:... one that builds nothing
	@$(PYTHON) deploy/bundle.py $(if $(filter undefined,$(origin IMAGE)),,--image "$(IMAGE)") $(if $(OUTPUT),--output "$(OUTPUT)")

requirements:  ## pins requirements*.txt anew; needs uv
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

# A stamp, and not .venv/bin/python, which is there before a creation that was broken off has finished.
$(VENV)/.created:
	@$(PYTHON) -c '' 2>/dev/null || { echo "Python 3.11, 3.12 or 3.13 is needed: install one of them, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo "Cannot make $(VENV) here: is this folder writable?"; exit 1; }
	@touch $@

$(VENV)/.installed: requirements.txt | $(VENV)/.created
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

clean:  ## removes the virtual environment; the data in var/ stays
	rm -rf $(VENV)
