"""What is printed of changed code, and the table of modules and stages."""

from tests.code.projects import described, write_project
from understudy.code import changes
from understudy.code.changes import describe_changes, format_table


def test_without_earlier_descriptions_their_number_is_told(tmp_path):
    line = "5 descriptions of code, and no earlier ones to compare them with"
    assert describe_changes({}, described(tmp_path)) == [line]


def test_nothing_changed_is_one_line(tmp_path):
    found = described(tmp_path)
    assert describe_changes(found, found) == ["no stage's code has changed"]


def test_a_change_names_the_module_and_the_stages_that_run_it(tmp_path):
    before = described(tmp_path)
    edits = {
        "src/understudy/deep/thought.py": "import numpy\nANSWER = 43\n",
        "src/understudy/models/hierarchical.py": "from understudy.models import mlp\nX = 1\n",
        "src/understudy/models/mlp.py": "import torch\nX = 1\n",
        "src/understudy/alone.py": "import understudy.words\n",
        "pipeline/run.py": "PINS = {'A': 'B'}\n",
    }
    after = described(tmp_path, edits)
    for description in (before["second"], after["second"]):
        description["distributions"].clear()
    before["second"]["distributions"]["torch"], after["second"]["distributions"]["torch"] = "1.0", "1.1"
    assert describe_changes(before, after) == [
        "pipeline.run has changed: every stage",
        "torch 1.0 is now 1.1: second",
        "understudy.alone has changed: second",
        "understudy.deep.thought has changed: first",
        "understudy.deep.thought is new: second",
        "understudy.models.hierarchical has changed: train/layered",
        "understudy.models.mlp has changed: train",
        "understudy.words is new: second",
    ]


def test_a_policy_that_comes_or_goes_is_told(tmp_path):
    before = described(tmp_path)
    after = {name.replace("large", "huge"): description for name, description in before.items()}
    assert describe_changes(before, after) == ["train/huge is new", "train/large is gone"]


def test_the_table_marks_what_makes_a_stage_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(changes, "family_names", lambda: sorted((*OTHERS, "hierarchical", "mlp")))
    lines = format_table(write_project(tmp_path, {f"src/understudy/models/{name}.py": "X = 1\n" for name in OTHERS}))
    assert lines.splitlines() == TABLE.strip().splitlines()


OTHERS = (
    "action_transformer",
    "decision_transformer",
    "generalist",
    "language_bc",
    "language_q",
    "multi_agent",
    "q_transformer",
    "rvs",
    "trajectory_transformer",
)
TABLE = """
families: 1 action_transformer, 2 decision_transformer, 3 generalist, 4 hierarchical, 5 language_bc, 6 language_q, 7 mlp, \
8 multi_agent, 9 q_transformer, 10 rvs, 11 trajectory_transformer

| module                                   | first | second | train |
| ---------------------------------------- | ----- | ------ | ----- |
| pipeline.first                           | x     |        |       |
| pipeline.run                             | x     | x      | x     |
| pipeline.second                          |       | x      |       |
| pipeline.train                           |       |        | x     |
| understudy.alone                         |       | x      |       |
| understudy.deep.thought                  | x     |        |       |
| understudy.models.action_transformer     |       |        | 1     |
| understudy.models.decision_transformer   |       |        | 2     |
| understudy.models.generalist             |       |        | 3     |
| understudy.models.hierarchical           |       |        | 4     |
| understudy.models.language_bc            |       |        | 5     |
| understudy.models.language_q             |       |        | 6     |
| understudy.models.mlp                    |       |        | 4 7   |
| understudy.models.multi_agent            |       |        | 8     |
| understudy.models.q_transformer          |       |        | 9     |
| understudy.models.registry               |       |        | x     |
| understudy.models.rvs                    |       |        | 10    |
| understudy.models.trajectory_transformer |       |        | 11    |
| understudy.policy                        |       |        | x     |
| understudy.words                         | x     |        |       |
"""
