PYTHON ?= python3
PORT ?= 8000
SERVICE := .venv/bin/python
DEV := .venv-dev/bin/python

MAKEFLAGS += --jobs=2  # the two environments are installed side by side

.PHONY: help serve test containers bench train lint format lock

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

serve: .venv/installed  ## serve on port 8000 (PORT=8123 for another); installs what it needs
	PORT=$(PORT) $(SERVICE) -m service

test: .venv/installed .venv-dev/installed  ## run the whole suite; installs what it needs
	$(DEV) -m pytest

containers: .venv-dev/installed  ## build and run the containers on a real engine
	tests/containers/run

bench: .venv-dev/installed  ## measure the service and its peers, 20 minutes; one row: ONLY=fastapi
	$(DEV) -m benchmarks $(if $(ONLY),--only $(ONLY))

train: .venv-dev/installed  ## train both recipes, evaluate them, export the best as the next version
	$(DEV) -m training train --recipe lecture
	$(DEV) -m training evaluate --run runs/lecture
	$(DEV) -m training train
	$(DEV) -m training evaluate --lecture runs/lecture
	$(DEV) -m training export

lint: .venv-dev/installed  ## ruff and mypy --strict
	$(DEV) -m ruff check
	$(DEV) -m ruff format --check
	$(DEV) -m mypy
	$(DEV) -m tools.wording

format: .venv-dev/installed  ## let ruff put the code in order
	$(DEV) -m ruff check --fix
	$(DEV) -m ruff format

lock:  ## pin every dependency anew, with hashes (needs uv)
	uv pip compile -q pyproject.toml --extra service --extra training --extra dev $(PIN) -o requirements/dev.txt
	uv pip compile -q pyproject.toml --extra service $(PIN) -c requirements/dev.txt -o requirements/service.txt
	uv pip compile -q pyproject.toml --extra training $(PIN) -c requirements/dev.txt -o requirements/training.txt
	uv pip compile -q pyproject.toml --extra training --extra gpu $(PIN) -c requirements/dev.txt -o requirements/training-gpu.txt

PIN := --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock'

.venv/installed: requirements/service.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r $<
	@touch $@

.venv-dev/installed: requirements/dev.txt
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/pip install --quiet --require-hashes -r $<
	@touch $@
