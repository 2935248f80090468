PYTHON ?= python3
# Tests to run, and more arguments of pytest: make test TESTS=imports_pipeline_tests/embedded PYTEST_ARGS=-x
TESTS ?= imports_pipeline_tests
PYTEST_ARGS ?=
# The packages of make coverage-rules.
RULES := schemas import_phases batch_phases registry
BIN := .venv/bin
# Without compiled files each of the processes that tests start would compile the package again: 0.4 s of CPU each.
unexport PYTHONDONTWRITEBYTECODE
# Files that say what .venv has: what running needs, and what development needs too.
INSTALLED := .venv/.installed
SETUP := .venv/.set-up

.DEFAULT_GOAL := help
.PHONY: help setup run test test-others check coverage coverage-rules wheel soak soak-hosts deploy-check bench bench-parts year simulate screenshots dev clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; \
		do printf '%-14s %s\n' "$$name" "$$text"; done

setup: $(SETUP) ## Install the project and the tools of development into .venv, with the versions of constraints.txt

# An environment without pip is what an interrupted start leaves.
define VENV
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is not. Name one: make setup PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || { \
		echo "No virtual environment can be made. On Debian: apt-get install python3-venv"; exit 1; }
endef

# Python compiles the modules of others that are imported; to compile all of them takes longer than the first import.
$(INSTALLED): pyproject.toml constraints.txt
	$(VENV)
	@echo "Installing the project into .venv (690 MB), once. It takes about a minute."
	@$(BIN)/python deploy/pip_progress.py --no-compile -e '.[pages]'
	@$(BIN)/python -m compileall -q imports_pipeline
	@touch $(INSTALLED)

# pip compiles on one processor. Some packages contain templates that are no Python, which compileall cannot compile.
COMPILE = $(BIN)/python -m compileall -q -j 0 -x '/tests?/' .venv/lib imports_pipeline >/dev/null 2>&1 || true

$(SETUP): pyproject.toml constraints.txt
	$(VENV)
	@echo "Installing the project and the tools of development into .venv (1.4 GB), once. It takes some minutes."
	@$(BIN)/python deploy/pip_progress.py --no-compile -e '.[dev]'
	@$(COMPILE)
	@touch $(INSTALLED) $(SETUP)

run: $(INSTALLED) ## Import the example contacts and show the result
	$(BIN)/imports-pipeline run examples/contacts.csv --resource contact --action merge --mode sync

test: $(SETUP) ## Run the tests (TESTS=path, PYTEST_ARGS=...)
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not soak" --durations=12 $(PYTEST_ARGS) $(TESTS)

# CI runs it after coverage-rules, which has run the others.
test-others: override PYTEST_ARGS += $(foreach package,$(RULES),--ignore=imports_pipeline_tests/$(package))
test-others: test ## Run the tests that make coverage-rules leaves

coverage: $(SETUP) ## Run the tests and show which lines of the package they do not run (TESTS=path)
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not soak" --cov --cov-report=term $(PYTEST_ARGS) $(TESTS)

coverage-rules: $(SETUP) ## Show which lines of the packages with the rules their own tests do not run; CI shows it too
	$(BIN)/python -m pytest -n 3 --dist loadgroup -q $(foreach package,$(RULES),--cov=imports_pipeline.$(package)) --cov-report=term \
		$(foreach package,$(RULES),imports_pipeline_tests/$(package))

wheel: ## Build the wheel, install it into a clean virtual environment, and run it there; takes some minutes
	PYTHON=$(PYTHON) deploy/wheel.sh

check: $(SETUP) ## Check style, types and that Dagster loads the definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/dg check defs

soak: $(SETUP) ## Drop 200 files and kill all processes halfway; kill runs in every phase and on Celery workers; takes minutes
	SOAK_FILES=$${SOAK_FILES:-200} SOAK_IMPORTS=$${SOAK_IMPORTS:-40} $(BIN)/python -m pytest -n 0 -s imports_pipeline_tests/whole \
		imports_pipeline_tests/dagster_runtime/test_run_launcher.py
	IMPORTS_POLLUTED_TABLES=$${IMPORTS_POLLUTED_TABLES:-400} IMPORTS_POLLUTED_SEED=$${IMPORTS_POLLUTED_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest -n 2 imports_pipeline_tests/reading/test_polluted.py
	FUZZ_FILES=$${FUZZ_FILES:-20000} FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest -n 0 -s imports_pipeline_tests/reading/csv/test_fuzz.py imports_pipeline_tests/reading/csv/test_windows.py
	OPENAPI_EXAMPLES=$${OPENAPI_EXAMPLES:-400} $(BIN)/python -m pytest -n 0 imports_pipeline_tests/api/test_openapi.py
	MODEL_EXAMPLES=$${MODEL_EXAMPLES:-400} MODEL_SEED=$${MODEL_SEED:-$$(date +%s)} \
		DAMAGE_EXAMPLES=$${DAMAGE_EXAMPLES:-20000} DAMAGE_SEED=$${DAMAGE_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest -n 2 -s imports_pipeline_tests/overwrite/test_model.py imports_pipeline_tests/overwrite/guards/test_protection.py
	PAGES_STORE=s3 $(BIN)/python -m pytest -n 0 imports_pipeline_tests/pages
	PAGES_STORE=local $(BIN)/python -m pytest -n 0 imports_pipeline_tests/pages/test_journey.py
	MEMORY_NIGHTS=$${MEMORY_NIGHTS:-400} MEMORY_SEED=$${MEMORY_SEED:-$$(date +%s)} \
		$(BIN)/python -m pytest -n 2 -s imports_pipeline_tests/memory/test_equivalence.py
	FAULTS=all $(BIN)/python -m pytest -n 2 imports_pipeline_tests/overwrite/crashes

soak-hosts: $(SETUP) ## Run each part on a host of its own (network namespaces, needs root) and cut some off; takes ten minutes
	SOAK_IMPORTS=$${SOAK_IMPORTS:-40} unshare --net $(BIN)/python -m pytest -n 0 -s imports_pipeline_tests/hosts

deploy-check: ## Repeat the steps of the image build in a clean virtual environment; takes some minutes
	PYTHON=$(PYTHON) deploy/check.sh

bench: $(SETUP) ## Compare with dlt, django-import-export and bare SQL, and reading with pyarrow (docs/explanation/performance.md)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
		-c constraints.txt -e '.[bench]' || echo "Not all peers could be installed; the installed ones are measured."
	$(BIN)/python -m benchmarks.compare
	@test -n "$$BENCH_CASES" || $(BIN)/python -m benchmarks.reading

bench-parts: $(SETUP) ## Measure dialect detection, the cost of overwrite safety, the HTTP API, and the pages; takes some minutes
	$(BIN)/python -m benchmarks.detection
	$(BIN)/python -m benchmarks.overwrites
	$(BIN)/python -m benchmarks.parts
	$(BIN)/python -m benchmarks.readers
	$(BIN)/python -m benchmarks.api
	$(BIN)/python -m benchmarks.pages

year: $(SETUP) ## Measure a new installation, one after a year of use, and the first nights of retention; takes half an hour
	$(BIN)/python -m benchmarks.year

simulate: $(SETUP) ## Simulate a day of the queue: how long imports of 10,000 organizations wait (docs/how-to/scaling.md)
	$(BIN)/python -m benchmarks.simulation

screenshots: $(SETUP) ## Make the pictures in docs/images again (needs Chromium)
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -n 0 imports_pipeline_tests/dagster_pages imports_pipeline_tests/pages

dev: $(INSTALLED) ## Run the whole system, with the pages on http://127.0.0.1:8080 and Dagster on http://127.0.0.1:3000, until Ctrl-C
	$(BIN)/imports-pipeline dev

clean: ## Remove .venv and the caches; the data in .imports stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
