READY := .venv/.ready
COMPILE = .venv/bin/uv pip compile --quiet --upgrade --all-extras --no-annotate \
	--custom-compile-command "make constraints" --python-version 3.10
# A file's tests share what is slow to make, so a process takes whole files, in the order that tests/conftest.py gives.
IN_PARALLEL = --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help setup run test test-examples test-fast lint constraints
.DEFAULT_GOAL := help

help: ## Say what there is.
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(READY) ## Make .venv for this machine; the other targets do it first where they need it.

$(READY): pyproject.toml .python-version .ci/setup $(wildcard constraints/*.txt)
	@.ci/setup

run: $(READY) ## Run the part-of-speech pipeline, from a treebank to a served model.
	.venv/bin/tfx-sequence run examples/pos_tagging/pipeline.toml

test: $(READY) ## Run the tests of the code.
	.venv/bin/pytest -m "not example" $(IN_PARALLEL)

test-examples: $(READY) ## Run what README, docs and examples/ show, as whole pipelines.
	.venv/bin/pytest -m example $(IN_PARALLEL)

test-fast: $(READY) ## Run the tests that take seconds.
	.venv/bin/pytest -m "not slow" $(IN_PARALLEL)

lint: $(READY) ## Check style, format and types.
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

constraints: ## Pin every dependency anew, for both TFX lines.
	$(COMPILE) --python-platform linux pyproject.toml constraints/tfx-1.16.in --output-file constraints/tfx-1.16.txt
	$(COMPILE) --universal pyproject.toml constraints/tfx-1.21.in --output-file constraints/tfx-1.21.txt
