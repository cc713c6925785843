"""What a stage does not need it does not import: seconds at the start of every run.

`python -X importtime` names each module as it is imported; `--help` ends a program before its work. Stage `code`, with which
every `dvc repro` after an edit begins, imports none of them for its work either.
"""

import subprocess
import sys

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


def imported_packages(program: str, argument: str = "--help") -> set[str]:
    """Top-level packages that the program imports before its work begins."""
    command = [sys.executable, "-X", "importtime", "pipeline/run.py", program, argument]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


def test_every_program_is_listed():
    assert sorted([*NEEDED, "run"]) == sorted(path.stem for path in (ROOT / "pipeline").glob("*.py"))


@pytest.mark.parametrize("program", NEEDED)
def test_a_stage_imports_no_heavy_package_that_it_does_not_need(program):
    imported = imported_packages(program)
    assert "understudy" in imported
    assert imported & HEAVY <= NEEDED[program]


def test_the_code_stage_reads_what_others_run_and_imports_none_of_it():
    imported = imported_packages("code", "--table")
    assert "understudy" in imported
    assert not imported & (HEAVY | {"numpy"})
