"""The table and figure of studies/generalist_returns: what is asked for, and what comes of it."""

import numpy as np
import pytest

from tests.builders import imported
from tests.imports import ROOT
from understudy.params.project import load_project
from understudy.params.whole import load_params

STUDY = ROOT / "studies" / "generalist_returns"


@pytest.fixture(scope="module")
def draw():
    return imported(STUDY / "draw.py")


def a_task(draw):
    """Three training seeds, four episodes: the one gets what is asked for, the other half of it."""
    targets = {"q10": -10.0, "": 20.0, "expert": None}
    got = {"q10": np.full((3, 4), -10.0), "": np.full((3, 4), 20.0), "expert": np.full((3, 4), 30.0)}
    half = {way: returns / 2 for way, returns in got.items()}
    returned = {"coarse_returns": got, "dt alone": half}
    return draw.Task(targets, returned, np.full((3, 4), 7.0), np.full((1, 4), 31.0))


def test_a_row_says_what_is_asked_for_and_what_is_returned(draw):
    policies = load_project(STUDY / "params.yaml").policies
    rows = draw.format_table({"a": a_task(draw)}, policies).splitlines()
    assert rows[2:] == [
        "| a | quantile 0.1 | -10.0 | -10.0 [-10.0, -10.0] | -5.0 [-5.0, -5.0] |  |  |",
        "| a | quantile 0.9 | 20.0 | 20.0 [20.0, 20.0] | 10.0 [10.0, 10.0] |  |  |",
        "| a | expert |  | 30.0 [30.0, 30.0] | 15.0 [15.0, 15.0] |  |  |",
        "| a | nothing |  |  |  | 7.0 [7.0, 7.0] | 31.0 [31.0, 31.0] |",
    ]


def test_targets_ascend_and_where_returns_are_equal_their_quantiles_do(draw):
    asked = {
        "": {"quantile": 0.9},
        "low": {"quantile": 0.25},
        "expert": "expert",
        "half": {"quantile": 0.5},
        "five": 5.0,
    }
    targets = draw.targets_of(asked, (0.0, 2.0, 9.0, 9.0, 9.0))
    assert list(targets.items()) == [("low", 2.0), ("five", 5.0), ("half", 9.0), ("", 9.0), ("expert", None)]


def test_the_figure_has_a_panel_a_task_with_what_is_asked_for(draw, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(draw.pyplot, "close", drawn.append)
    draw.draw({"a": a_task(draw), "b": a_task(draw)}, tmp_path / "figure.png")
    [figure] = drawn
    assert [axis.get_title() for axis in figure.axes] == ["a", "b"]
    asked = figure.axes[0].get_lines()[0]
    assert (asked.get_xdata().tolist(), asked.get_ydata().tolist()) == ([-10.0, 20.0], [-10.0, 20.0])
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert {"coarse_returns, an expert's", "dt alone, an expert's", "coarse, told nothing"} <= set(labels)


def test_the_specialists_are_asked_for_the_same_and_are_told_as_much():
    told = load_project(STUDY / "params.yaml").policies.named("coarse_returns")
    untold = load_project(STUDY / "params.yaml").policies.named("coarse")
    of_returns = {"return_conditioned": True, "return_bins": 64, "return_weight": 0.1}
    assert told.model == untold.model | of_returns
    for task in ("cart_pole", "lunar_lander"):
        specialist = load_params(STUDY / task / "params.yaml").policies.named("dt")
        assert specialist.play == told.play
        shared = {name: value for name, value in told.model.items() if name in specialist.model}
        assert specialist.model == shared | {"state_differences": 0}
