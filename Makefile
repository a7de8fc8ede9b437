# Everything a person or a CI machine runs. `make` alone lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Cargo takes make's slots for its own where it sees them, and warns where it can't reach them.
CARGO := env -u MAKEFLAGS -u MFLAGS cargo
SOURCES := pyproject.toml Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)

.DEFAULT_GOAL := help
.PHONY: help demo test faults lint rust-test rust-lint python-lint bench clean check-demo check-dev

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .stamps/demo ## set everything up and run the main job on the embedded collection
	$(BIN)/cslir demo $(DEMO_OPTIONS)

# While pip waits for downloads the Rust tests are compiled and run.
test: ## set everything up and run all tests
	@$(MAKE) --no-print-directory --jobs=2 .stamps/dev rust-test
	@$(MAKE) --no-print-directory python-lint
	$(BIN)/python -m mypy.stubtest cslir._core --mypy-config-file pyproject.toml
	$(BIN)/python -m pytest --quiet

faults: .stamps/dev ## a thousand kills, damage to every file, hostile inputs; half an hour and a table of counts
	$(BIN)/python -m pytest --quiet tests/faults --faults-full

lint: rust-lint python-lint ## formatting, lints and types, Rust and Python

rust-test: rust-lint
	$(CARGO) test --quiet

rust-lint: | check-dev
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings

python-lint: .stamps/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m mypy

bench: .stamps/dev ## benchmarks beside the peers; results on the screen and in .benchmarks/
	$(BIN)/python -m pytest -s benches --benchmark-only --benchmark-columns=min,median,rounds --benchmark-autosave

clean: ## remove the virtual environment and what was built
	rm -rf $(VENV) target .stamps
	find python -name '_core*.so' -delete

# The extension is rebuilt when the Rust sources change, the environment when the requirements do.
.stamps/demo .stamps/dev: .stamps/%: $(SOURCES) | check-%
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	env -u MAKEFLAGS -u MFLAGS $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@mkdir -p .stamps && touch $@

check-demo:
	@PYTHON="$(PYTHON)" sh ./check-prerequisites.sh

check-dev:
	@PYTHON="$(PYTHON)" sh ./check-prerequisites.sh lint
