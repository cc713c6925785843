"""The figure of pruning: a row of panels a policy."""

import pytest

from tests.params.test_pruning import SECTION
from tests.pruning.test_results import entry
from understudy.params.pruning import PruningParams
from understudy.pruning import figure


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(figure.pyplot, "close", figures.append)
    pruning = PruningParams.model_validate(SECTION)
    results = {
        name: {way: entry(0.5) for way in ("full", "full_int8", *block.pruned)}
        for name, block in pruning.policies.root.items()
    }
    results["decoder"]["sparsity_0.9"] = entry(-7.0)
    times = {name: {"1": {"full": 5.0, "full_int8": 6.0, "not_scored": 1.0}, "64": {"full": 9.0}} for name in results}
    figure.draw(results, times, pruning, tmp_path / "figure.png")
    return figures[0]


def test_it_has_a_row_a_policy_and_a_panel_a_question(drawn):
    labels = [axis.get_xlabel() for axis in drawn.axes]
    assert labels[:4] == labels[4:]
    assert labels[0] == "share of the weights at zero" and labels[2:4] == ["µs a step of 1", "µs a step of 64"]
    assert [drawn.axes[row].get_ylabel() for row in (0, 4)] == ["score of mlp", "score of decoder"]


def test_scores_below_the_axis_are_drawn_at_its_foot_and_what_was_not_scored_is_not(drawn):
    before = drawn.axes[4].containers[0].lines[0]
    assert before.get_xdata().tolist() == [0, 0.5, 0.7, 0.8, 0.9, 0.95]
    assert before.get_ydata().tolist() == [0.5, 0.5, 0.5, 0.5, figure.LOWEST, 0.5]
    timed = [container.lines[0].get_xdata().tolist() for container in drawn.axes[6].containers]
    assert timed == [[5.0], [6.0]]
