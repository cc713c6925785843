"""What dvc.yaml promises beyond what DVC checks."""

import pytest
from ruamel.yaml import YAML

from tests.contracts.small_pipeline import describe
from tests.imports import ROOT
from understudy.code.stages import stage_names
from understudy.params.training import TrainingParams
from understudy.params.whole import load_params

TEXT = (ROOT / "dvc.yaml").read_text()
STAGES = YAML(typ="safe").load(TEXT)["stages"]
OTHERS = [name for name in STAGES if name != "code"]
NOT_THE_ROOTS = (  # stages of projects of other demonstrations or of several tasks, or that search, prune or go on online
    "compare_logs",
    "compare_pruned",
    "compare_words",
    "embed_texts",
    "evaluate_log",
    "evaluate_log_baselines",
    "evaluate_log_retrieval",
    "evaluate_pruned",
    "evaluate_task",
    "evaluate_word_players",
    "evaluate_words",
    "import_demonstrations",
    "import_logs",
    "improve_policy",
    "join_tasks",
    "pack_log_policy",
    "prune_policy",
    "pack_reply_policy",
    "record_logs",
    "record_words",
    "report_logs",
    "search_policy",
    "time_pruned",
    "report_words",
)
FAMILIES = {name: policy.family for name, policy in load_params(ROOT / "params.yaml").policies.items()}


@pytest.fixture(scope="module")
def written():
    """The files in which the stage code describes what the others run."""
    return {f"data/code/{described}.json" for described in describe(ROOT, FAMILIES)}


def paths(entries):
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def test_every_program_is_a_stage_which_the_launcher_starts():
    assert sorted([*OTHERS, *NOT_THE_ROOTS]) == stage_names(ROOT)
    for name, stage in STAGES.items():
        command, _, arguments = stage["cmd"].partition(f" {name}")
        assert command == "python ${root}/pipeline/run.py"
        assert arguments == (" --policy ${item.policy} --seed ${item.seed}" if "matrix" in stage else "")


@pytest.mark.parametrize("name", OTHERS)
def test_all_that_a_stage_depends_on_of_the_code_is_its_own_description(written, name):
    of_code = [
        path for path in paths(STAGES[name]["deps"]) if not path.startswith(("models", "data/")) or "code" in path
    ]
    if name == "report":  # which lists the versions that every stage ran
        assert of_code == ["data/code", "metrics/summary.json"]
        return
    assert of_code == [f"data/code/{name}" + ("/${item.policy}.json" if "matrix" in STAGES[name] else ".json")]
    assert {of_code[0].replace("${item.policy}", policy) for policy in FAMILIES} <= written


def test_training_depends_on_all_of_its_section_but_the_seeds():
    listed = [key.removeprefix("training.") for key in STAGES["train_policy"]["params"] if key.startswith("training.")]
    assert listed == [name for name in TrainingParams.model_fields if name != "seeds"]


def test_it_is_short():
    assert len(TEXT.splitlines()) < 150
