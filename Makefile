# The two commands: `make repro` runs the pipeline, `make test` the tests. Each sets .venv up first where it is missing or outdated.

PYTHON ?= python3
# uv, or pip; of torch the build for the processor, or `auto` for the one that fits this machine's GPU.
INSTALLER ?= uv
TORCH_BACKEND ?= cpu
REF ?= HEAD~1
BIN := $(CURDIR)/.venv/bin

.PHONY: repro smoke studies stale test fuzz verify environments extras mutants bench bench-against docs lint lock clean

repro: .venv/installed
	PATH="$(BIN):$$PATH" dvc repro

test: .venv/installed
	PATH="$(BIN):$$PATH" ruff check .
	PATH="$(BIN):$$PATH" OMP_WAIT_POLICY=PASSIVE python -m pytest -q -n 2 --dist worksteal

# The whole pipeline at toy size, in a copy: shows in half a minute that it runs here.
smoke: .venv/installed
	PATH="$(BIN):$$PATH" python -m tests.contracts.smoke

# Each folder of studies/ is a DVC project of its own, with the same programs; see its README for how long it takes.
studies: .venv/installed
	for study in $(wildcard studies/*/dvc.yaml); do (cd "$$(dirname $$study)" && PATH="$(BIN):$$PATH" dvc repro) || exit; done

# A table: which module makes which stages stale.
stale: .venv/installed
	"$(BIN)/python" pipeline/run.py code --table

# Thousands of bad inputs: none may end in another library's traceback or in a wrong result without a word.
fuzz: .venv/installed
	PATH="$(BIN):$$PATH" python -m pytest -q -m slow tests/fuzz

# A small pipeline twice, the second time by force and with another number of workers; prints each artefact's two hashes. Then long stages
# killed five times each, and a search over DVC's experiments, interrupted and not.
verify: .venv/installed
	PATH="$(BIN):$$PATH" python -m tests.contracts.verify
	PATH="$(BIN):$$PATH" python -m pytest -q -m slow tests/contracts tests/search

# The pipeline at small size in environments of every kind, those that are installed: minutes.
environments: .venv/installed
	PATH="$(BIN):$$PATH" python -m tests.contracts.environments

# The tests of extras that requirements.lock leaves out, in an environment that has them: two minutes with its installation.
extras: .venv-extras/installed
	.venv-extras/bin/python -m pytest -q -rs tests/embeddings tests/replay/test_frames.py

# Hundreds of mistakes in the numerical core, one at a time; the tests must notice. `make mutants MUTANTS="--count 0"` tries all.
mutants: .venv/installed
	PATH="$(BIN):$$PATH" python -m tests.mutation.run $(MUTANTS)

# Ours against the peers on the finished pipeline's outputs, over an hour on a quiet machine; `make bench BENCH=--quick` shows that it runs.
bench: .venv/installed benchmarks/.venv/installed
	PYTHONPATH=src "$(BIN)/python" -m benchmarks.bench $(BENCH)

# This tree against another commit: training, playing and recording in turns; fails where this one has less than 0.97 of its pace.
bench-against: .venv/installed
	PYTHONPATH=src "$(BIN)/python" -m benchmarks.against --ref $(REF) $(BENCH)

# The documentation as a site in site/, links and anchors checked; it opens from the disk.
docs: .venv-docs/installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet
	@echo "site/index.html is there"

.venv-docs/installed: docs/requirements.lock
	rm -rf .venv-docs
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --requirement docs/requirements.lock
	@touch $@

lint: .venv/installed
	"$(BIN)/ruff" check --fix .
	"$(BIN)/ruff" format .

# The stamp is written last, so an interrupted installation is begun anew.
.venv/installed: requirements.lock tools/install.py
	@$(PYTHON) -c 'import sys; sys.exit("understudy needs Python 3.11 or newer, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	rm -rf .venv
	$(PYTHON) -m venv .venv
	"$(BIN)/python" tools/install.py --installer $(INSTALLER) --torch-backend $(TORCH_BACKEND)
	@touch $@

# The peers' own environment; torch with what its build needs, which for CUDA's is much. --no-deps for the rest: d3rlpy asks for
# an older gymnasium, whose physics would be other than ours.
benchmarks/.venv/installed: benchmarks/peers/requirements.lock
	rm -rf benchmarks/.venv
	$(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check $$(grep ^torch== benchmarks/peers/requirements.lock)
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement benchmarks/peers/requirements.lock
	@touch $@

.venv-extras/installed: requirements.lock pyproject.toml tools/install.py
	rm -rf .venv-extras
	$(PYTHON) -m venv .venv-extras
	.venv-extras/bin/python tools/install.py --installer $(INSTALLER) --torch-backend $(TORCH_BACKEND)
	.venv-extras/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[wordllama,video]'
	@touch $@

# Resolve pyproject.toml anew into requirements.lock, which pins everything that torch's CPU build needs.
lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	.venv-lock/bin/python -m pip freeze --all --exclude pip --exclude understudy > .venv-lock/frozen
	sed 's/+cpu$$//' .venv-lock/frozen > .venv-lock/requirements.lock
	mv .venv-lock/requirements.lock requirements.lock
	rm -rf .venv-lock build

clean:
	rm -rf .venv .venv-extras .venv-lock .venv-docs site build benchmarks/.venv
