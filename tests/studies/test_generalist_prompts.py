"""studies/generalist_prompts: its parts fit together, and its table and figure hold what was played."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.builders import imported, refused
from tests.imports import ROOT
from understudy.errors import DataError, ParameterError
from understudy.params.project import load_project
from understudy.params.whole import load_params

STUDY = ROOT / "studies" / "generalist_prompts"
GENERALIST = ROOT / "studies" / "generalist"
UNLEARNED = ("lander_wind", "lander_gravity")
START = "../models/prompted"
OWN_LINE = f"      - {START}  # from which policies start\n"


@pytest.fixture(scope="module")
def draw():
    return imported(STUDY / "draw.py")


def a_task(draw, learned=True):
    """Three training seeds, four episodes: random returns 0, the demonstrator 10; five demonstrations are worth 2 more."""
    shown = {count: np.full((3, 4), 6.0) + (2.0 if count == 5 else 0.0) for count in (0, 1, 5)}
    return draw.Task(learned, shown, np.full((3, 4), 5.0), np.full((1, 4), 10.0), np.zeros((1, 4)))


def test_demonstrations_are_those_of_the_study_of_several_tasks():
    folders = {name: GENERALIST / name for name in load_project(STUDY / "params.yaml").tasks.names}
    folders |= {name: GENERALIST / "transfer" / name for name in UNLEARNED}
    for name, theirs in folders.items():
        ours = load_params(STUDY / name / "params.yaml").model_dump()
        expected = load_params(theirs / "params.yaml").model_dump()
        assert [ours[key] for key in ("environment", "expert", "rollouts", "sequences")] == [
            expected[key] for key in ("environment", "expert", "rollouts", "sequences")
        ]


@pytest.mark.parametrize("name", UNLEARNED)
def test_what_has_not_learned_a_task_is_the_generalist_as_it_is(name):
    project, params = load_project(STUDY / "params.yaml"), load_params(STUDY / name / "params.yaml")
    generalist, shown = project.policies.named("prompted"), params.policies.named("shown")
    assert (shown.model, shown.play) == (generalist.model, generalist.play)
    assert (shown.starts_from, shown.starts_as, shown.demonstrations) == (START, "LunarLander-v3", 0)
    assert params.training.seeds == project.training.seeds
    assert params.evaluation == project.evaluation


@pytest.mark.parametrize("name", UNLEARNED)
def test_its_pipeline_is_the_root_s_and_depends_on_the_generalist(name):
    text = (STUDY / name / "dvc.yaml").read_text()
    assert START in YAML(typ="safe").load(text)["stages"]["select_columns"]["deps"]
    assert text.count(OWN_LINE) == 1
    own = text.replace(OWN_LINE, "").replace("vars: [{root: ../../..}]", "vars: [{root: .}]")
    assert own == (ROOT / "dvc.yaml").read_text()


def test_a_row_says_what_every_number_of_demonstrations_scores_and_what_most_of_them_are_worth(draw):
    tasks = {"known": a_task(draw), "new": a_task(draw, learned=False)}
    cells = "0.500 [0.500, 0.500] | 0.600 [0.600, 0.600] | 0.600 [0.600, 0.600] | 0.800 [0.800, 0.800] | 0.200 [0.200, 0.200] |"
    assert draw.format_table(tasks).splitlines() == [
        "| task | learned | mlp of this task | shown 0 | shown 1 | shown 5 | difference |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        f"| known | yes | {cells}",
        f"| new | no | {cells}",
    ]


def test_differences_pair_the_episodes(draw):
    """Episodes differ by far more than the demonstrations are worth, which is the same in each."""
    episodes = np.array([[0.0, 100.0, -50.0, 30.0]] * 3)
    task = draw.Task(True, {0: episodes, 5: episodes + 1}, episodes, np.full((1, 4), 10.0), np.zeros((1, 4)))
    np.testing.assert_allclose(task.gain(), [0.1, 0.1, 0.1])


def test_the_figure_has_a_point_a_task_and_way(draw, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(draw.pyplot, "close", drawn.append)
    draw.draw({"known": a_task(draw), "new": a_task(draw, learned=False)}, tmp_path / "figure.png")
    [axis] = drawn[0].axes
    points = {each.get_label(): each.lines[0].get_ydata().tolist() for each in axis.containers}
    assert points == {
        "mlp of this task": [0.5, 0.5],
        "prompted, shown 0": [0.6, 0.6],
        "prompted, shown 1": [0.6, 0.6],
        "prompted, shown 5": [0.8, 0.8],
    }
    assert [label.get_text() for label in axis.get_xticklabels()] == ["known", "new,\nnot learned"]


def test_a_run_without_the_generalist_as_it_is_is_refused(draw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((STUDY / "params.yaml").read_bytes())
    run = YAML().load(STUDY / "lander_wind/params.yaml")
    run["policies"]["shown"]["play"] = {}
    run["comparison"]["differences"] = []
    (tmp_path / "run").mkdir()
    YAML().dump(run, tmp_path / "run/params.yaml")
    with refused(ParameterError, "run/params.yaml: expected policies.shown with the play of prompted"):
        draw.main(["run"])


def test_evaluations_of_other_episodes_than_the_expert_s_are_refused(draw, monkeypatch):
    def recorded(folder):
        seeds = [1, 2] if folder.name == "expert" else [1]
        return SimpleNamespace(episodes={"seed": np.array(seeds), "return": np.zeros(len(seeds))})

    monkeypatch.setattr(draw, "read_recording", recorded)
    block = load_project(STUDY / "params.yaml").policies.named("prompted")
    with refused(DataError, "played/seed_0: expected the 2 episodes of the expert's seeds, got others"):
        draw.read_task(STUDY / "cart_pole", Path("played"), block, [0], learned=True)


def test_the_readme_has_the_table_in_git():
    table = (STUDY / "results.md").read_text()
    assert table in (STUDY / "README.md").read_text()
