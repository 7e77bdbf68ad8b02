# make demo | test | test-everywhere | check | bench | page: each sets up .venv first when it is missing or older than its description.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Where Python is told to keep no bytecode, each of the hundred processes that tests start compiles the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-everywhere check bench page format clean

demo: $(READY)
	$(BIN)/lookalike demo --out demo

# One thread a process: two processes with two threads each wait for one another on two cores.
test: $(READY)
	@$(BIN)/python tools/fetch_page_runtime.py --axe .venv/axe || echo "no accessibility check of the page" >&2
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# As other processors compute: what rounds otherwise under instruction sets that this one has but does not prefer. All rooms
# but those in which nothing is computed that heeds these settings: tests/data decodes and draws by other libraries, and
# pages compute in their browser.
NUMERICAL := $(filter-out $(addprefix tests/,__pycache__/ browser/ data/ fixtures/ house/ support/),$(wildcard tests/*/)) \
	tests/house/test_before.py
EVERYWHERE := ATEN_CPU_CAPABILITY=default,ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=avx2,ONEDNN_MAX_CPU_ISA=AVX2 \
	ONEDNN_MAX_CPU_ISA=AVX512_CORE LOOKALIKE_KERNELS=0 OMP_NUM_THREADS=2

test-everywhere: $(READY)
	@for settings in $(EVERYWHERE); do \
		echo "$$settings"; \
		env OMP_NUM_THREADS=1 $$(echo $$settings | tr , ' ') $(BIN)/python -m pytest -q -n 2 --dist worksteal \
			-m 'not slow and not lfw' $(NUMERICAL) || exit 1; \
	done

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house/test_imports.py tests/house/test_readme.py

# 15 to 25 minutes on two cores with nothing else running; ends with bench/bench.md. LOOKALIKE_LFW: where LFW lies.
bench: $(READY)
	$(BIN)/python benchmarks/run_all.py

# What the studio's page runs models with in the browser. Where it cannot be fetched, the server computes every picture.
page: $(READY)
	$(BIN)/python tools/fetch_page_runtime.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv demo bench benchmarks/.tensorflow .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch comes first and by its exact version, so that no other package pulls in a build with CUDA. Bytecode is half of the
# work: pip would write it on one core. Some packages hold files that are no Python of ours, which is no failure.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "lookalike needs Python 3.11 or newer; name one: make PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
	@$(BIN)/python tools/fetch_page_runtime.py || echo "go on without: the studio's server computes every picture" >&2
	touch $(READY)
