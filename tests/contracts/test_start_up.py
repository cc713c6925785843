"""What a stage does not need it does not import: seconds at the start of every run.

`--help` ends a program before its work. Those that need the same packages are started one after another in forks of a process
that has them, and that is itself a fork of one that has some of them, since to import these takes most of the time. Stage
`code`, with which every `dvc repro` after an edit begins, imports none of them for its work either: `python -X importtime` names
each module as it is imported.
"""

import json
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.imports import ROOT

HEAVY = {
    "torch",
    "stable_baselines3",
    "gymnasium",
    "pyarrow",
    "sklearn",
    "scipy",
    "matplotlib",
    "pandas",
}
NEEDED = {
    "code": set(),
    "train_expert": {"torch", "stable_baselines3", "gymnasium"},
    "record_rollouts": {"torch", "gymnasium", "pyarrow"},
    "build_sequences": {"pyarrow"},
    "import_demonstrations": {"gymnasium", "pyarrow"},
    "import_logs": {"pyarrow"},
    "embed_texts": {"pyarrow", "sklearn", "scipy", "pandas"},
    "record_logs": {"pyarrow", "sklearn", "scipy", "pandas"},
    "evaluate_log": {"torch", "pyarrow", "sklearn", "scipy", "pandas"},
    "evaluate_log_baselines": {"pyarrow", "sklearn", "scipy", "pandas"},
    "evaluate_log_retrieval": {"pyarrow", "sklearn", "scipy", "pandas"},
    "compare_logs": {"pyarrow", "sklearn", "scipy", "pandas", "matplotlib"},
    "pack_log_policy": {"torch", "pyarrow", "sklearn", "scipy", "pandas"},
    "pack_reply_policy": {"torch", "pyarrow", "sklearn", "scipy", "pandas"},
    "record_words": {"pyarrow"},
    "prune_policy": {"torch", "pyarrow"},
    "evaluate_pruned": {"torch", "gymnasium", "pyarrow"},
    "time_pruned": {"torch", "pyarrow"},
    "compare_pruned": {"torch", "pyarrow", "scipy", "matplotlib"},
    "join_tasks": {"pyarrow"},
    "evaluate_task": {"torch", "gymnasium", "pyarrow"},
    "evaluate_words": {"torch", "pyarrow"},
    "evaluate_word_players": {"pyarrow"},
    "compare_words": {"pyarrow", "scipy"},
    "report_words": {"torch", "pyarrow", "scipy", "matplotlib"},
    "label_options": {"pyarrow", "sklearn", "scipy", "pandas"},
    "select_columns": {"torch"},
    "train_policy": {"torch", "pyarrow"},
    "improve_policy": {"torch", "gymnasium", "pyarrow"},
    "search_policy": {"torch", "gymnasium", "pyarrow", "matplotlib"},
    "evaluate_references": {"torch", "gymnasium", "pyarrow"},
    "evaluate_policy": {"torch", "gymnasium", "pyarrow"},
    "compare": {"pyarrow", "scipy", "matplotlib"},
    "report_logs": {"torch", "pyarrow", "sklearn", "scipy", "pandas", "matplotlib"},
    "report": {"torch", "gymnasium", "pyarrow", "scipy", "matplotlib"},
}


# What most programs need comes first, so that what begins alike is imported once.
ORDER = ("pyarrow", "torch", "scipy", "matplotlib", "gymnasium", "sklearn", "pandas", "stable_baselines3")
GROUPS = defaultdict(list)  # programs, by the packages that they need
for name, packages in NEEDED.items():
    GROUPS[tuple(sorted(packages, key=ORDER.index))].append(name)

STARTS = """
import contextlib, importlib.util, io, json, os, runpy, sys
def packages():
    return {name.split(".")[0] for name in sys.modules}
def in_fork(work, *arguments):
    if os.fork():
        assert os.wait()[1] == 0
    else:
        work(*arguments)
        sys.stdout.flush()
        os._exit(0)
def start(program, before):
    sys.argv = ["pipeline/run.py", program, "--help"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        runpy.run_path(sys.argv[0], run_name="__main__")
    print(json.dumps([program, sorted(packages() - before)]))
def start_with(package, groups):
    if importlib.util.find_spec(package):
        __import__(package)
    start_groups(groups)
def start_groups(groups):
    for missing, programs in groups:
        for program in programs if not missing else ():
            in_fork(start, program, packages())
    for package in dict.fromkeys(missing[0] for missing, _ in groups if missing):
        begun = [(missing[1:], programs) for missing, programs in groups if missing[:1] == [package]]
        in_fork(start_with, package, begun)
start_groups(json.loads(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def imports_beyond(made_once) -> dict[str, set[str]]:
    """By program, the top-level packages that it imports before its work begins, but for those it needs and what they import."""

    def make(folder):
        command = [sys.executable, "-c", STARTS, json.dumps(list(GROUPS.items()))]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        (folder / "imported").write_text(result.stdout)

    lines = (made_once("starts", make) / "imported").read_text().splitlines()
    return {program: set(imported) for program, imported in map(json.loads, lines)}


def test_every_program_is_listed():
    assert sorted([*NEEDED, "run"]) == sorted(path.stem for path in (ROOT / "pipeline").glob("*.py"))


@pytest.mark.parametrize("packages", GROUPS, ids=" ".join)
def test_a_stage_imports_no_heavy_package_that_it_does_not_need(imports_beyond, packages):
    imported = {program: imports_beyond[program] for program in GROUPS[packages]}
    assert all("understudy" in names for names in imported.values())
    assert {program: names & HEAVY for program, names in imported.items() if names & HEAVY} == {}


def test_the_code_stage_reads_what_others_run_and_imports_none_of_it():
    command = [sys.executable, "-X", "importtime", "pipeline/run.py", "code", "--table"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
    assert "understudy" in imported
    assert not imported & (HEAVY | {"numpy"})
