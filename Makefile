# Every target makes its own environment: Python 3.11 or newer is all it needs, and the first that is found is taken.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
            $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: run demo test lint bench soak screenshots clean

run: $(STAMP)
	@$(BIN)/mpp-console

demo: $(STAMP)
	@$(BIN)/mpp-console --demo

test: $(STAMP)
	@$(BIN)/python -m pytest -n auto --dist loadgroup -m "not bench" $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)
	@$(BIN)/python -m pytest -m bench -s -p no:xdist $(ARGS) tests/bench

# Payment channels under kill -9, then a balance to the base unit. ARGS="--vouchers 1000 --seed 7" makes it shorter.
soak: $(STAMP)
	@$(BIN)/python -m tests.soak $(ARGS)

screenshots: $(STAMP)
	@$(BIN)/python -m tests.tui.screenshots

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12 …" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --editable '.[redis,test]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .peers
