"""What lies in custom/ counts for the stages that run it, and for no others."""

import re
from importlib.metadata import version

import pytest

from tests.builders import parameters_text
from tests.tasks.project import PARAMS
from understudy.code.custom import add_custom
from understudy.params.project import load_project
from understudy.params.whole import load_params

PLAYING = {"understudy.environments.wrappers": "1", "understudy.models.function": "2"}
DESCRIBED = {
    "train_expert": {
        "modules": PLAYING | {"understudy.demonstrators.sb3_zip": "3", "understudy.environments.make": "5"},
        "distributions": {},
    },
    "record_rollouts": {"modules": PLAYING, "distributions": {}},
    "compare": {"modules": {"understudy.report.table": "4"}, "distributions": {}},
}


def stages_with_custom(tmp_path, changes: dict) -> set[str]:
    folder = tmp_path / "custom"
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text("X = 1\n")
    (folder / "README.md").write_text("notes\n")
    (tmp_path / "params.yaml").write_text(parameters_text(changes))
    after = add_custom(DESCRIBED, folder, load_params(tmp_path / "params.yaml"))
    assert all("custom/README.md" not in each["modules"] for each in after.values())
    return {name for name, each in after.items() if "custom/mine.py" in each["modules"]}


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({}, set()),
        ({"environment.wrappers": "[{name: FlattenObservation}]"}, set()),
        ({"environment.wrappers": "[{name: 'mine:Wrapper'}]"}, {"train_expert", "record_rollouts"}),
        ({"environment.id": "'mine:Other-v0'"}, {"train_expert"}),
        ({"expert.algorithm": "function"}, {"train_expert", "record_rollouts"}),
        ({"expert.algorithm": "sb3_zip"}, {"train_expert"}),
    ],
)
def test_who_depends_on_it(tmp_path, changes, stages):
    assert stages_with_custom(tmp_path, changes) == stages


def test_a_package_that_registers_an_environment_is_a_library_of_the_stages_that_make_it(tmp_path):
    (tmp_path / "params.yaml").write_text(parameters_text({"environment.id": "'pytest.nothing:Other-v0'"}))
    after = add_custom(DESCRIBED, tmp_path / "custom", load_params(tmp_path / "params.yaml"))
    assert {name: each["distributions"] for name, each in after.items()} == {
        "train_expert": {"pytest": version("pytest")},
        "record_rollouts": {},
        "compare": {},
    }


def test_another_content_is_another_hash(tmp_path):
    changes = {"expert.algorithm": "function"}
    stages_with_custom(tmp_path, changes)
    params, folder = load_params(tmp_path / "params.yaml"), tmp_path / "custom"
    before = add_custom(DESCRIBED, folder, params)
    (folder / "mine.py").write_text("X = 2\n")
    assert add_custom(DESCRIBED, folder, params) != before


def test_a_task_in_text_of_ones_own_counts_for_the_stage_that_plays_it(tmp_path):
    folder = tmp_path / "custom"
    folder.mkdir()
    (folder / "mine.py").write_text("X = 1\n")
    described = {
        "record_words": {"modules": {"understudy.tasks.make": "1"}, "distributions": {}},
        "build_sequences": {"modules": {"understudy.sequences.build": "2"}, "distributions": {}},
    }
    own = "task: own\n  own: {name: 'mine:Task', kwargs: {}}"
    stages = {}
    for name, text in {
        "wordle": PARAMS,
        "own": re.sub(
            "task: wordle", own, re.sub("    - .player: [cg].*\n|, {player: consistent, rate: 1.0}", "", PARAMS)
        ),
    }.items():
        (tmp_path / "params.yaml").write_text(text)
        after = add_custom(described, folder, load_project(tmp_path / "params.yaml"))
        stages[name] = [stage for stage, each in after.items() if "custom/mine.py" in each["modules"]]
    assert stages == {"wordle": [], "own": ["record_words"]}
