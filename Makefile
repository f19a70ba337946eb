PYTHON ?= python3
PORT ?= 8000
SERVICE := .venv/bin/python
DEV := .venv-dev/bin/python

PARALLEL := --numprocesses=2 --dist=loadfile  # each process has a server and a browser of its own
# glibc's allocator otherwise returns memory to the system after each training step, and requests it again
KEEP_MEMORY := MALLOC_TOP_PAD_=67108864
EXAMPLES := models/fashion models/shapes models/efficientnet-lite0
MAKEFLAGS += --jobs=2  # installs the two environments in parallel

.PHONY: help serve test test-all containers audit bench torture train export efficientnet fashion shapes site lint format lock

help:  ## list the targets
	@grep -E '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

serve: .venv/installed  ## install the service and serve on port 8000 (PORT=8123 for another)
	PORT=$(PORT) $(SERVICE) -m service

test: .venv/installed .venv-dev/prerequisites  ## install everything and run the tests
	$(DEV) -m pytest $(PARALLEL) -m "not slow"

test-all: .venv/installed .venv-dev/prerequisites  ## run the slow tests too
	$(DEV) -m pytest $(PARALLEL)

containers: .venv-dev/installed  ## build and test the containers on a Docker engine
	tests/containers/run

bench: .venv-dev/installed  ## benchmark the service and its peers in 20 minutes (ONLY=fastapi for one)
	$(DEV) -m benchmarks $(if $(ONLY),--only $(ONLY))

audit: .venv-audit/installed  ## report known vulnerabilities of the pinned dependencies
	.venv-audit/bin/python -m tools.audit

torture: .venv-dev/installed .venv-audit/installed $(EXAMPLES)  ## try to break the service, write docs/reliability.md (RESUME=1 goes on)
	$(DEV) -m torture $(if $(RESUME),--resume)

torture-%: .venv-dev/installed .venv-audit/installed $(EXAMPLES)  ## one row of it: torture-fuzz, torture-http …
	$(DEV) -m torture $* $(if $(RESUME),--resume)

train: .venv-dev/installed  ## train and evaluate both recipes, export the best as the next version
	$(DEV) -m training

export: .venv-dev/installed  ## export a Keras or ONNX model (FLAGS="mine.keras --name flowers")
	$(DEV) -m training export $(FLAGS)

fashion: .venv-dev/installed  ## train the example Fashion-MNIST and export it (examples/README.md)
	$(KEEP_MEMORY) $(DEV) -m examples.fashion

shapes: .venv-dev/installed  ## train the example of a residual network on drawn shapes
	$(KEEP_MEMORY) $(DEV) -m examples.shapes

efficientnet: .venv-dev/installed  ## build the example models/efficientnet-lite0, trained on ImageNet
	$(DEV) -m examples.efficientnet_lite0

models/fashion models/shapes models/efficientnet-lite0:
	$(MAKE) $(patsubst efficientnet-%,efficientnet,$(@F))

site: .venv/installed  ## write the pages and the lecture's model into site/, for any static host
	$(SERVICE) -m tools.site site

lint: .venv-dev/installed  ## check style, types and wording
	$(DEV) -m ruff check
	$(DEV) -m ruff format --check
	$(DEV) -m mypy
	$(DEV) -m tools.wording

format: .venv-dev/installed  ## format the code
	$(DEV) -m ruff check --fix
	$(DEV) -m ruff format

lock:  ## pin every dependency with its hash (needs uv)
	uv pip compile -q pyproject.toml --extra service --extra bulk --extra ray --extra training --extra onnx --extra examples --extra dev $(PIN) -o requirements/dev.txt
	uv pip compile -q pyproject.toml --extra service $(PIN) -c requirements/dev.txt -o requirements/service.txt
	uv pip compile -q pyproject.toml --extra service --extra bulk $(PIN) -c requirements/dev.txt -o requirements/bulk.txt
	uv pip compile -q pyproject.toml --extra service --extra bulk --extra ray $(PIN) -c requirements/dev.txt -o requirements/ray.txt
	uv pip compile -q pyproject.toml --extra training --extra onnx $(PIN) -c requirements/dev.txt -o requirements/training.txt
	uv pip compile -q pyproject.toml --extra training --extra onnx --extra gpu $(PIN) -c requirements/dev.txt -o requirements/training-gpu.txt
	uv pip compile -q pyproject.toml --extra audit $(PIN) -o requirements/audit.txt

PIN := --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock'

.venv/installed: requirements/service.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r $<
	@touch $@

.venv/bulk .venv/ray: .venv/%: requirements/%.txt .venv/installed
	.venv/bin/pip install --quiet --require-hashes -r $<
	@touch $@

.venv-audit/installed .venv-dev/installed: .venv-%/installed: requirements/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --require-hashes -r $<
	@touch $@

.venv-dev/prerequisites: .venv-dev/installed tests/prerequisites.py
	$(DEV) -m tests.prerequisites
	@touch $@
