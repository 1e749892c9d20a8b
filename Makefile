# Wirechamber: `make demo` and `make test` need Python >= 3.11, make and git, nothing else.
PYTHON ?= python3
WORKERS ?= 2
# Folders that `make test-newest` runs; all without it.
TESTS ?=
BIN := .venv/bin
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

# uv installs in a third of pip's time, but does not read pip's configuration: pip's settings are passed on.
pip_option = $(shell $(BIN)/python -m pip config list | sed -n "s/^[^=]*[.]$(1)='\(.*\)'$$/\1/p" | tail -n 1 | sed 's/\\n/ /g')
UV_SOURCES = $(addprefix --default-index ,$(call pip_option,index-url)) \
  $(addprefix --index ,$(call pip_option,extra-index-url)) \
  $(addprefix --find-links ,$(call pip_option,find-links)) --index-strategy unsafe-best-match
UV = $(addprefix SSL_CERT_FILE=,$(call pip_option,cert)) $(BIN)/uv --quiet
INSTALL = $(UV) pip install $(UV_SOURCES) --compile-bytecode

.DEFAULT_GOAL := help
.PHONY: help demo test test-coverage test-all test-marked test-browser test-condor test-xrootd test-lowest test-newest lint format check docs lock clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

demo: .venv/installed  ## install, then train, measure and register a small model on simulated tracks
	$(BIN)/python app/run.py --config json/track_extrapolation/mlp_tiny.json --overwrite

test: .venv/installed-test  ## install the test extra and run the quick tests
	$(PYTEST)

test-coverage: .venv/installed-test  ## the quick tests, of which 90 % of lines and branches must be covered
	$(PYTEST) --cov

test-marked: .venv/installed-test  ## run the slow tests and those that need external data
	$(PYTEST) -m "slow or external"

test-condor: .venv/installed-test  ## bring up a real HTCondor pool (as root), run the tests in it, take it down
	$(INSTALL) --python $(BIN)/python --constraint constraints.txt --editable '.[test,htcondor]'
	.ci/condor-pool up
	.ci/condor-pool exec $(BIN)/python -B -m pytest -p no:cacheprovider -m condor tests/condor; \
	  code=$$?; .ci/condor-pool down; exit $$code

test-browser: .venv/installed-test  ## open the report in a headless Chromium (apt-get install chromium chromium-driver)
	$(BIN)/python -m pytest -m browser

test-xrootd: .venv/installed-test  ## read files from an XRootD server (apt-get install xrootd-server)
	$(INSTALL) --python $(BIN)/python --constraint constraints.txt --editable '.[test,remote]'
	$(BIN)/python -m pytest -m xrootd tests/datasets/test_remote.py

test-all: .venv/installed-test  ## run every test, those of the HTCondor pool too
	$(PYTEST) -m "" --cov

test-lowest: .venv-lowest/installed  ## run the quick tests with the oldest versions that setup.cfg allows
	.venv-lowest/bin/python -m pytest -n $(WORKERS) -o filterwarnings=default

test-newest: .venv-newest/installed  ## run the quick tests with the newest Python of setup.cfg that this machine has
	.venv-newest/bin/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(TESTS)

lint: .venv/installed-test  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-test  ## put imports and layout in order with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test-coverage  ## everything that has to pass before a change goes in

docs: .venv/installed  ## generate docs/job_files.md and json/job.schema.json from the signatures
	$(BIN)/wirechamber list --markdown > docs/job_files.md
	$(BIN)/wirechamber schema --out json/job.schema.json

lock: $(BIN)/uv  ## update constraints.txt to the newest versions that setup.cfg allows
	printf 'uv\n' | $(UV) pip compile - setup.cfg $(UV_SOURCES) --upgrade --no-emit-index-url --no-emit-find-links --no-annotate \
	  --extra test --extra bayesian --extra mlflow --extra htcondor --custom-compile-command "make lock" -o constraints.txt

clean:  ## remove the environments and caches, keep runs and data
	rm -rf .venv .venv-lowest .venv-newest .pytest_cache .mypy_cache .ruff_cache .coverage* *.egg-info

$(BIN)/uv: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, e.g. make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@touch $@

.venv/installed: setup.cfg pyproject.toml constraints.txt $(BIN)/uv
	$(INSTALL) --python $(BIN)/python --constraint constraints.txt --editable .
	@touch $@

.venv/installed-test: .venv/installed
	$(INSTALL) --python $(BIN)/python --constraint constraints.txt --editable '.[test]'
	@touch $@

.venv-newest/installed: setup.cfg pyproject.toml constraints.txt $(BIN)/uv
	$(shell .ci/newest-python) -m venv --clear .venv-newest
	$(INSTALL) --python .venv-newest/bin/python --constraint constraints.txt --editable '.[test]'
	@touch $@

.venv-lowest/installed: setup.cfg pyproject.toml $(BIN)/uv
	$(PYTHON) -m venv --clear .venv-lowest
	$(INSTALL) --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[test]'
	@touch $@
