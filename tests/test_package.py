"""What importing costs: torch only where something learns or acts, stable-baselines3 only where the expert is trained."""

import ast
import json
import tomllib
from importlib.metadata import version

import pytest

import understudy
from tests.builders import printed_by
from tests.toys import ROOT

WITHOUT_TORCH = [
    "code",
    "build_sequences",
    "label_options",
    "compare",
    "import_demonstrations",
    "import_logs",
    "embed_texts",
    "record_logs",
    "record_words",
    "evaluate_word_players",
    "compare_words",
    "evaluate_log_baselines",
    "evaluate_log_retrieval",
    "compare_logs",
    "join_tasks",
    "select_columns",
]
WITH_TORCH = [
    "record_rollouts",
    "train_policy",
    "improve_policy",
    "search_policy",
    "evaluate_references",
    "evaluate_policy",
    "evaluate_task",
    "evaluate_log",
    "evaluate_words",
    "pack_log_policy",
    "prune_policy",
    "evaluate_pruned",
    "time_pruned",
    "compare_pruned",
    "pack_reply_policy",
    "report",
    "report_logs",
    "report_words",
]

IMPORT = """
import importlib.util, json, sys
loaded = {}
for stage in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location(stage, f"pipeline/{stage}.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    loaded[stage] = [name for name in ("torch", "stable_baselines3", "gymnasium") if name in sys.modules]
print(json.dumps(loaded))
"""


def test_the_package_imports_without_its_dependencies():
    heavy = ["torch", "numpy", "gymnasium", "pydantic", "pyarrow"]
    program = f"import sys, understudy; print([name for name in {heavy} if name in sys.modules])"
    assert printed_by(program) == "[]\n"


def test_load_policy_comes_when_it_is_asked_for():
    program = "import sys, understudy; print(understudy.load_policy.__module__, 'torch' in sys.modules)"
    assert printed_by(program) == "understudy.policies.predict True\n"


def test_the_version_is_the_installed_one_and_costs_nothing_until_asked_for():
    program = "import sys, understudy; print('importlib.metadata' in sys.modules, understudy.__version__)"
    assert printed_by(program) == f"False {version('understudy')}\n"
    assert understudy.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_public_names_are_listed_and_there():
    stub = (ROOT / "src/understudy/__init__.pyi").read_text()
    assert sorted(understudy.__all__) == sorted(ast.literal_eval(stub[stub.index("[") : stub.index("]") + 1]))
    assert set(understudy.__all__) <= set(dir(understudy))
    assert [name for name in understudy.__all__ if not hasattr(understudy, name)] == []


def test_the_package_says_that_it_is_annotated():
    assert (ROOT / "src/understudy/py.typed").exists()
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert data == {"understudy": ["py.typed", "*.pyi", "cli/templates/*.yaml"]}


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'understudy' has no attribute 'load_polcy'$"):
        _ = understudy.load_polcy
    assert not hasattr(understudy, "load_expert")


def test_stages_that_only_compute_do_not_import_torch():
    loaded = json.loads(printed_by(IMPORT, *WITHOUT_TORCH))
    assert list(loaded) == WITHOUT_TORCH
    assert [names for names in loaded.values() if "torch" in names or "stable_baselines3" in names] == []


def test_only_the_training_of_the_expert_imports_stable_baselines3():
    loaded = json.loads(printed_by(IMPORT, *WITH_TORCH, "train_expert"))
    assert {stage for stage, names in loaded.items() if "stable_baselines3" in names} == {"train_expert"}


def test_every_stage_program_is_looked_at():
    programs = {path.stem for path in (ROOT / "pipeline").glob("*.py")}
    assert programs == {*WITHOUT_TORCH, *WITH_TORCH, "train_expert", "run"}
