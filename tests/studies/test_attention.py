"""The program that says what a generalist attended to."""

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.builders import imported, refused
from tests.imports import ROOT
from tests.mixed import SPECS
from tests.replay.test_token_attention import episode, policy
from understudy.errors import DataError
from understudy.policies.files import save_policy
from understudy.replay.token_attention import AttendedTokens
from understudy.rollouts.parquet import write_recording

ATTENTION = imported(ROOT / "studies/generalist/attention.py")
TASKS = ["narrow", "wide"]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A generalist of three tasks that has played two of them."""
    params = YAML().load(ROOT / "studies/generalist/params.yaml")
    params["tasks"] = {name: {"weight": 1.0} for name in TASKS}
    params["policies"] = {"coarse": params["policies"]["coarse"]}
    YAML().dump(params, tmp_path / "params.yaml")
    for number, name in enumerate(TASKS):
        folder = tmp_path / "data/evaluation" / name / "coarse/seed_0"
        folder.mkdir(parents=True)
        write_recording(folder, SPECS[number], "coarse", [episode(number, 3 + seed, seed) for seed in range(2)])
    (tmp_path / "models/coarse/seed_0").mkdir(parents=True)
    save_policy(policy("coarse", 0), tmp_path / "models/coarse/seed_0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_row_says_how_much_a_token_got_and_from_how_far_back():
    attended = AttendedTokens(("state", "action"), np.array([[0.5, 0.25, 0.0], [0.0, 0.0, 0.25]]))
    assert ATTENTION.format_table({("coarse", "wide"): attended}).splitlines()[2:] == [
        "| coarse | wide | state | 0.750 | 0.500 | 0.3 |",
        "| coarse | wide | action | 0.250 | 0.000 | 2.0 |",
    ]


def test_each_task_is_a_panel_of_what_was_attended_to_in_it(study, capsys):
    ATTENTION.main()
    text = (study / "attention.md").read_text()
    assert capsys.readouterr().out == text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]
    assert [row[:3] for row in rows] == [["coarse", task, token] for task in TASKS for token in ("state", "action")]
    for task in TASKS:
        assert sum(float(row[3]) for row in rows if row[1] == task) == pytest.approx(1.0, abs=2e-3)
    assert (study / "attention.png").stat().st_size > 1000


def test_a_policy_that_has_not_played_a_task_is_refused(study):
    (study / "data/evaluation/wide/coarse/seed_0/steps.parquet").unlink()
    with refused(DataError, "expected a recording, found no such file"):
        ATTENTION.read_attended(TASKS, ["coarse"], 0)
