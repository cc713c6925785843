"""What the charts show, read off the axes."""

import numpy as np
import pytest
from matplotlib import pyplot

from tests.report.outcomes import CURVE
from tests.toys import VECTORS, recording
from understudy.evaluation.score import Evaluated, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.report import charts


@pytest.fixture
def axis():
    figure, axis = pyplot.subplots()
    yield axis
    pyplot.close(figure)


def test_the_confusion_shows_shares_of_each_demonstrated_action(axis):
    played = recording([1.0] * 4, actions=[0, 0, 0, 1, 3, 3, 2, 2], demonstrated=[0, 0, 0, 0, 2, 2, 2, 2])
    charts.actions(axis, played)
    expected = [[0.75, 0.25, 0, 0], [0, 0, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 0]]
    [image] = axis.get_images()
    np.testing.assert_allclose(image.get_array()[..., 3], 0.75 * np.asarray(expected))
    assert [text.get_text() for text in axis.texts] == [f"{share:.2f}" for row in expected for share in row]
    assert [text.get_text() for text in axis.get_yticklabels()] == [f"action_{index}" for index in range(4)]


def test_vectors_are_drawn_entry_against_entry(axis):
    charts.actions(axis, recording([1.0], VECTORS, actions=[[0.5, -1], [0, 0]], demonstrated=[[1, -2], [0, 0]]))
    dots = [line.get_xydata().tolist() for line in axis.lines if len(line.get_xdata())]
    assert dots == [[[0.5, 1.0], [0.0, 0.0]], [[-1.0, -2.0], [0.0, 0.0]]]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["action_0", "action_1"]


def test_scores_stand_where_the_summary_says(axis):
    returns = {"expert": [10, 12, 14], "random": [0, 1, 2], "mlp": [5, 6, 8], "hierarchical": [9, 10, 8]}
    played = {name: recording([float(each) for each in totals]) for name, totals in returns.items()}
    summary = summarise({name: Evaluated([each]) for name, each in played.items()}, Bootstrap(100, 0.95, 0))
    charts.scores(axis, summary)
    assert [text.get_text() for text in axis.get_yticklabels()] == ["mlp", "hierarchical"]
    points = [container[0].get_xydata()[0] for container in axis.containers]
    np.testing.assert_allclose(points, [[(19 / 3 - 1) / 11, 0], [(9 - 1) / 11, 1]])


def test_every_return_is_a_dot_in_its_policys_row(axis):
    charts.returns(axis, {"expert": np.asarray([1.0, 2.0, 9.0]), "mlp": np.asarray([0.0, 4.0])})
    dots, half, median = axis.lines[:3]
    assert dots.get_xdata().tolist() == [1, 2, 9]
    assert np.abs(dots.get_ydata()).max() < 0.3
    assert half.get_xdata().tolist() == [1.5, 5.5]
    assert median.get_xdata().tolist() == [2, 2]
    assert np.abs(axis.lines[3].get_ydata() - 1).max() < 0.3


def test_a_policy_that_was_not_trained_has_no_curve(axis):
    charts.losses(axis, [])
    assert [len(line.get_xdata()) for line in axis.lines] == [0, 0]
    assert axis.get_yscale() == "linear"


def test_curves_begin_at_step_0_and_losses_below_zero_have_no_logarithm(axis):
    charts.losses(axis, CURVE)
    assert axis.get_xlim()[0] == 0
    assert axis.get_yscale() == "log"
    axis.clear()
    charts.losses(axis, [row | {"train_loss": -row["train_loss"]} for row in CURVE])
    assert axis.get_yscale() == "linear"


def test_options_are_drawn_by_episode_and_step(axis):
    charts.option_strips(axis, recording([1.0, 2.0], options=[0, 3, 4, 4]))
    [image] = axis.get_images()
    assert np.asarray(image.get_array()).tolist() == [[0, 3], [4, 4]]


@pytest.mark.parametrize("count", [5, 12], ids=["few", "many"])
def test_options_have_the_colours_of_the_legend(axis, count):
    charts.option_strips(axis, recording([1.0] * count, options=[*range(count)] * 2))
    [image] = axis.get_images()
    drawn = image.to_rgba(image.get_array()).reshape(-1, 4)
    legend = {line.get_label(): line.get_color() for line in axis.get_lines()}
    assert len(legend) == count
    for option in range(count):
        assert drawn[option] == pytest.approx(legend[f"option {option}"]), f"option {option}"


def test_options_lie_on_the_way_that_was_taken(axis):
    played = recording([1.0, 2.0], options=[0, 1, 1, 0])
    played.steps["observation"][:] = np.arange(12).reshape(4, 3)
    charts.option_paths(axis, played)
    [dots] = axis.collections
    assert dots.get_offsets().tolist() == [[0, 1], [3, 4], [6, 7], [9, 10]]
    colours = [charts.OPTION_COLOURS(option) for option in (0, 1, 1, 0)]
    np.testing.assert_allclose(dots.get_facecolors(), colours)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("x", "y")


def test_calibration_is_that_of_ten_bins(axis):
    """Four steps at 0.55 of which one is right, four at 1 of which all are: |0.55 - 0.25| / 2 + 0."""
    confidence, right = np.asarray([0.55] * 4 + [1.0] * 4), np.asarray([1, 0, 0, 0, 1, 1, 1, 1], bool)
    assert charts.calibration_error(confidence, right) == pytest.approx(0.15)
    charts.calibration(axis, confidence, right)
    np.testing.assert_allclose(axis.lines[1].get_xydata(), [[0.55, 0.25], [1.0, 1.0]])


def test_values_are_means_of_equally_many_steps(axis):
    expected = np.arange(20.0)[::-1]
    charts.value_bins(axis, expected, 2 * expected)
    points = axis.lines[0].get_xydata()
    np.testing.assert_allclose(points, [[each, 2 * each] for each in np.arange(0.5, 20, 2)])
