"""studies/expert_share: its runs differ in who was recorded how often; table and figure hold what summaries say."""

import networkx
import numpy as np
import pytest

from tests.builders import imported, refused
from tests.imports import ROOT
from tests.studies.covered import not_covered
from tests.studies.graphs import graph_of
from understudy.errors import DataError
from understudy.params.whole import load_params
from understudy.utils.jsonfile import write_json

STUDY = ROOT / "studies" / "expert_share"
STUDENTS = ("bc", "bc_long", "bc_10", "dt")


def entry(score: float) -> dict[str, float]:
    return {"score": score, "score_ci_low": score - 0.1, "score_ci_high": score + 0.2, "training_seeds": 3}


@pytest.fixture(scope="module")
def draw():
    return imported(STUDY / "draw.py")


@pytest.fixture(scope="module")
def params(draw):
    return {run: load_params(STUDY / run / "params.yaml") for run in draw.RUNS}


@pytest.fixture
def runs(draw):
    difference = {"gain": 0.3, "gain_ci_low": 0.2, "gain_ci_high": 0.4}
    differences = {"dt - bc_10": difference, "tt - bc_10": difference}
    of_all = {name: entry(0.1 * number) for number, name in enumerate(STUDENTS)}
    of_some = {name: entry(0.6) for name in ("bc", "bc_10", "dt")}
    return [draw.Run(0.1, of_all, differences), draw.Run(0.4, of_some, {})]


def test_runs_differ_in_how_often_each_player_is_recorded_alone(draw, params) -> None:
    contents = {run: each.model_dump() for run, each in params.items()}
    counts = [[player.pop("episodes") for player in each["rollouts"]["players"]] for each in contents.values()]
    assert counts == [[66] * 6 + [24], [60] * 7, [28] * 6 + [252]]
    assert contents["share_06"] == contents["share_60"]
    for section in ("expert", "rollouts", "sequences"):
        assert contents["share_60"][section] == contents[draw.LANDER][section]


@pytest.mark.parametrize("run", ["share_06", "share_60"])
def test_students_learn_as_in_the_study_of_returns(draw, params, run) -> None:
    ours, lander = params[run], params[draw.LANDER]
    assert lander.training.model_dump(exclude={"seeds"}) == ours.training.model_dump(exclude={"seeds"})
    for name in ("bc", "bc_10", "dt"):
        mine, theirs = (each.policies.named(name) for each in (ours, lander))
        assert (mine.model, mine.training, mine.best_returns) == (theirs.model, theirs.training, theirs.best_returns)
        assert mine.play.get("target_return") == theirs.play.get("target_return")


def test_an_imitator_makes_as_many_steps_as_the_decision_transformer(params) -> None:
    policies = params["share_60"].policies
    assert set(policies.names) == set(STUDENTS)
    assert policies.named("bc_long").training == policies.named("dt").training
    assert policies.named("bc_long").model == policies.named("bc").model


def test_shares_are_the_finished_experts_without_noise(draw, params) -> None:
    shares = [draw.expert_share(each.rollouts) for each in params.values()]
    np.testing.assert_allclose(shares, [24 / 420, 60 / 420, 252 / 420])


def test_the_table_has_a_row_a_share_and_a_sentence_a_difference_of_its_students(draw, runs) -> None:
    assert draw.format_table(runs).splitlines() == [
        "| the expert's share | training seeds | bc [interval] | bc_long [interval] | bc_10 [interval] | dt [interval] |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        "| 10.0 % | 3 | 0.000 [-0.100, 0.200] | 0.100 [0.000, 0.300] | 0.200 [0.100, 0.400] | 0.300 [0.200, 0.500] |",
        "| 40.0 % | 3 | 0.600 [0.500, 0.800] |  | 0.600 [0.500, 0.800] | 0.600 [0.500, 0.800] |",
        "",
        "- 10.0 %, dt - bc_10: 0.300 [0.200, 0.400] of score",
    ]


def test_the_figure_has_a_line_a_student(draw, runs, tmp_path, monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(draw.pyplot, "close", drawn.append)
    draw.draw(runs, tmp_path / "figure.png")
    [axis] = drawn[0].axes
    lines = {container.get_label(): container.lines[0].get_xydata().tolist() for container in axis.containers}
    assert list(lines) == list(STUDENTS)
    assert lines["bc"] == [[0.1, 0.0], [0.4, 0.6]]
    assert lines["bc_long"] == [[0.1, 0.1]]


def test_a_policy_without_numbers_is_named(draw, tmp_path) -> None:
    (tmp_path / "params.yaml").write_bytes((STUDY / "share_60/params.yaml").read_bytes())
    write_json(tmp_path / "metrics/summary.json", {name: entry(0.5) for name in STUDENTS[:-1]})
    with refused(DataError, "metrics/summary.json: expected an entry dt, got none"):
        draw.Run.read(tmp_path)


def test_the_table_in_git_is_made_of_the_results_in_git(draw, monkeypatch) -> None:
    monkeypatch.chdir(STUDY)
    table = draw.format_table([draw.Run.read(STUDY / run) for run in draw.RUNS])
    assert (STUDY / "results.md").read_text() == table
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert "\n".join(rows) in (STUDY / "README.md").read_text()


def test_all_runs_come_before_the_drawing_which_depends_on_all_that_it_imports() -> None:
    graph = graph_of(STUDY)
    [drawing] = [stage for stage in graph if stage.name == "draw"]
    assert {drawing, *networkx.descendants(graph, drawing)} == set(graph)
    assert not_covered(STUDY, "draw", {}, []) == set()
