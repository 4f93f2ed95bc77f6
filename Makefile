# `make` lists the targets; `make -C DIR` works from anywhere. Kept within GNU make 3.81, which macOS has.
BIN := .venv/bin
STAMP := .venv/.installed

# The interpreter to make .venv with; PYTHON=... overrides. Each candidate has to run, since a pyenv shim can be on PATH
# for a version that is not installed.
SUPPORTED := import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 12), (3, 11)))
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	"$$python" -c '$(SUPPORTED)' >/dev/null 2>&1 && echo "$$python" && break; done)

# uv installs the same requirements as pip in a tenth of the time. It does not read pip's configuration, so an index or a
# certificate that is set for pip is handed on.
UV := uv==0.13.9
PIP := PIP_DEFAULT_TIMEOUT=$${PIP_DEFAULT_TIMEOUT:-60} $(BIN)/python -m pip install -qq --disable-pip-version-check --retries 10
REQUIREMENTS := --requirement requirements-local.txt --constraint constraints.txt

# uv does not compile what it installs; the first import does. Many containers set this variable, by which Python does not
# keep what it has compiled: each command would compile Airflow and dbt again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup hooks dev check compare kpi demo test test-all soak bench conformance lint format up down status reset manifest clean deploy deploy-plan mwaa-check smoke slim-ci screenshots docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## make .venv with the pinned requirements (the other targets do it by themselves)

hooks: $(STAMP) ## fix the style of the files of each commit, by pre-commit
	@$(BIN)/pre-commit install

dev: $(STAMP) ## make a local warehouse with four weeks of sample data, built, to edit models on
	@$(BIN)/python -m workbench dev $(if $(DAYS),--days $(DAYS))

check: $(STAMP) ## lint, build and test what was edited and what depends on it: [MODEL=name] [TARGET=dev]
	@$(BIN)/python -m workbench check $(MODEL) $(if $(TARGET),--target $(TARGET))

compare: $(STAMP) ## show the rows that differ from production's: MODEL=name [TARGET=dev] [KEY=columns]
	@$(BIN)/python -m workbench compare $(MODEL) $(if $(TARGET),--target $(TARGET)) $(if $(KEY),--key $(KEY))

kpi: $(STAMP) ## write the files of a new KPI, complete and green, to edit from there: NAME=name
	@test -n "$(NAME)" || { echo "Name the KPI: make kpi NAME=listeners_by_country_daily" >&2; exit 1; }
	@$(BIN)/python -m workbench kpi "$(NAME)"

demo: $(STAMP) ## run the pipeline on sample data and show the KPIs; the next day's files each further time
	@$(BIN)/python -m local demo

test: $(STAMP) ## run the tests, the slow ones excepted (ARGS="-k name" or "-m deploy" for some of them)
	@$(BIN)/python -m local manifest
	@$(BIN)/python -m pytest -n 2 --dist loadscope -m "not slow" $(ARGS)

test-all: $(STAMP) ## run the slow tests: random walks, long replays, a kill in each model
	@$(BIN)/python -m local manifest
	@$(BIN)/python -m pytest -n 2 --dist loadscope -m slow $(ARGS)

soak: $(STAMP) ## break a multi-day replay at 200 random places and compare (SEED=2 draws others; half an hour)
	@$(BIN)/python -m local manifest
	@PYTHONPATH=.:dags:plugins $(BIN)/python -m tests.faults.soak --faults $(or $(FAULTS),200) --seed $(or $(SEED),1)
	@REPLAY_EXAMPLES=25 $(BIN)/python -m pytest tests/faults/test_replay.py tests/faults/test_whole_run.py \
		tests/faults/test_one_user.py

bench: $(STAMP) ## measure what README.md quotes and write its table (ONLY=landing,parsing for some; an hour for all)
	@$(BIN)/python -m benchmarks $(ONLY)

conformance: $(STAMP) ## run others' tests against the emulator: SUITE=redshift_connector CHECKOUT=path [SUITE_PYTHON=path]
	@cd packages/redshift-emulator && "$(CURDIR)/$(BIN)/python" -m conformance "$(SUITE)" "$(abspath $(CHECKOUT))" \
		$(if $(SUITE_PYTHON),--python "$(abspath $(SUITE_PYTHON))") $(if $(ONLY),--only "$(ONLY)")

lint: $(STAMP) ## check Python, SQL, YAML, and that every model and column is described and tested
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests dags/kpi_pipeline/sql
	@$(BIN)/yamllint --strict .
	@$(BIN)/python -m local manifest
	@$(BIN)/python -m workbench rules

format: $(STAMP) ## format Python, and fix what ruff can fix
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

up: $(STAMP) ## start S3, Redshift and Airflow with its UI, and print the addresses
	@$(BIN)/python -m local up

down: ## stop what was started, and nothing else
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local down; fi

status: $(STAMP) ## tell what runs, and where
	@$(BIN)/python -m local status

reset: $(STAMP) ## empty the buckets and the warehouse
	@$(BIN)/python -m local reset

manifest: $(STAMP) ## make the dbt manifest that Cosmos renders the DAG from, if it is stale
	@$(BIN)/python -m local manifest

clean: down ## stop everything and delete what the targets made, .venv excepted
	@rm -rf .local dbt_project/target dbt_project/logs .pytest_cache .ruff_cache .hypothesis

deploy: $(STAMP) ## bring an environment to a version: ENV=dev [VERSION=tag or commit]
	@$(BIN)/python -m deploy deploy "$(ENV)" --version "$(VERSION)"

deploy-plan: $(STAMP) ## show what `make deploy` would change, and change nothing: ENV=dev [VERSION=...]
	@$(BIN)/python -m deploy plan "$(ENV)" --version "$(VERSION)"

mwaa-check: $(STAMP) ## run the DAG as MWAA would, against the local stack (minutes; PYTHON312=... names its Python)
	@$(BIN)/python -m deploy mwaa-check

smoke: $(STAMP) ## run each pass of the pipeline in scratch schemas of a real warehouse: TARGET=prod
	@$(BIN)/python -m deploy smoke "$(TARGET)"

slim-ci: $(STAMP) ## build the models that differ from BASE=origin/main, and read the others from its build
	@$(BIN)/python -m deploy slim-ci "$(BASE)"

screenshots: $(STAMP) ## take the README's pictures anew, from the running system (make demo first)
	@$(BIN)/python -m local screenshots

docs: $(STAMP) ## write the dbt docs as one page to .local/docs/index.html
	@$(BIN)/python -m deploy docs

$(STAMP): requirements.txt requirements-local.txt constraints.txt packages/redshift-emulator/pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.12 or 3.11 is needed, with venv. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c '$(SUPPORTED)' || { echo "$(PYTHON) is not a Python 3.12 or 3.11 with venv." >&2; exit 1; }
	@version=$$("$(PYTHON)" -c 'import sys; print(sys.version_info[:2])'); \
	if [ "$$($(BIN)/python -c 'import sys; print(sys.version_info[:2])' 2>/dev/null)" != "$$version" ]; then \
		echo "  making .venv with $$("$(PYTHON)" --version)"; \
		rm -rf .venv && "$(PYTHON)" -m venv .venv; \
	fi
	@echo "  installing the pinned requirements"
	@of_pip() { $(BIN)/python -m pip config get "global.$$1" 2>/dev/null; }; \
	index=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$(of_pip index-url)}}; \
	certificates=$${SSL_CERT_FILE:-$${PIP_CERT:-$$(of_pip cert)}}; \
	$(PIP) $(UV) && UV_HTTP_TIMEOUT=$${UV_HTTP_TIMEOUT:-60} env $${index:+UV_DEFAULT_INDEX="$$index"} \
		$${certificates:+SSL_CERT_FILE="$$certificates"} \
		$(BIN)/uv pip install --quiet --python $(BIN)/python $(REQUIREMENTS) \
		|| { echo "  uv could not install them; pip takes a minute or two"; $(PIP) $(REQUIREMENTS); }
	@touch $(STAMP)
