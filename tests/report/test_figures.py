"""Figures: they exist, are pictures, and come out the same to the byte; what they show is read off the axes."""

import numpy as np
import pytest
from matplotlib import pyplot

from tests.toys import CHOICES, VECTORS, recording
from understudy.evaluation.score import Evaluated, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.report import figures
from understudy.report.figures import write_figures
from understudy.rollouts.parquet import Recording

FILES = {"results.png", "learning_curves.png", "actions.png", "options.png"}
CURVE = [
    {"step": 10.0, "train_loss": 1.2, "validation_loss": 1.5},
    {"step": 20.0, "train_loss": 0.3, "validation_loss": 0.4},
]
EXPERT_CURVE = [{"steps": 100.0, "return_mean": -50.0}, {"steps": 200.0, "return_mean": 100.0}]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def recordings(spec=CHOICES, options: list[int] | None = None) -> dict[str, Recording]:
    return {
        "expert": recording([10.0, 12.0, 14.0], spec),
        "random": recording([0.0, 1.0, 2.0], spec),
        "mlp": recording([5.0, 6.0, 8.0], spec),
        "hierarchical": recording([9.0, 10.0, 8.0], spec, options=options),
    }


def write(folder, played: dict[str, Recording], curve=CURVE) -> dict[str, bytes]:
    folder.mkdir()
    summary = summarise({name: Evaluated([each]) for name, each in played.items()}, Bootstrap(100, 0.95, 0))
    write_figures(folder, summary, played, {"mlp": curve, "hierarchical": curve}, EXPERT_CURVE)
    assert pyplot.get_fignums() == []
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_figures_are_pictures_and_the_same_to_the_byte(tmp_path):
    before = dict(pyplot.rcParams)
    first = write(tmp_path / "first", recordings(options=[0, 1, 2, 2, 1, 0]))
    assert dict(pyplot.rcParams) == before
    assert set(first) == FILES
    assert all(content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) > 3000 for content in first.values())
    assert write(tmp_path / "again", recordings(options=[0, 1, 2, 2, 1, 0])) == first
    other = write(tmp_path / "other", recordings(options=[0, 1, 2, 2, 1, 1]))
    assert {name for name in FILES if first[name] != other[name]} == {"options.png"}


def test_vectors_losses_below_zero_and_no_options_can_be_drawn(tmp_path):
    negative = [row | {"train_loss": -row["train_loss"]} for row in CURVE]
    assert set(write(tmp_path / "figures", recordings(VECTORS), negative)) == FILES


def test_the_confusion_shows_shares_of_each_demonstrated_action():
    played = recording([1.0] * 4, actions=[0, 0, 0, 1, 3, 3, 2, 2], demonstrated=[0, 0, 0, 0, 2, 2, 2, 2])
    figure = figures._actions({"mlp": played})
    [image] = figure.axes[0].get_images()
    expected = [[0.75, 0.25, 0, 0], [0, 0, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 0]]
    np.testing.assert_allclose(image.get_array(), expected)


def test_scores_stand_where_the_summary_says():
    played = recordings()
    summary = summarise({name: Evaluated([each]) for name, each in played.items()}, Bootstrap(100, 0.95, 0))
    figure = figures._results(summary, played)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["mlp", "hierarchical"]
    points = [container[0].get_xydata()[0] for container in figure.axes[0].containers]
    np.testing.assert_allclose(points, [[(19 / 3 - 1) / 11, 0], [(9 - 1) / 11, 1]])


def test_options_are_drawn_by_episode_and_step():
    played = recording([1.0, 2.0], options=[0, 3, 4, 4])
    figure = figures._options({"expert": recording([1.0, 2.0]), "hierarchical": played})
    [axis] = figure.axes
    [image] = axis.get_images()
    assert np.asarray(image.get_array()).tolist() == [[0, 3], [4, 4]]


@pytest.mark.parametrize("count", [5, 12], ids=["few", "many"])
def test_options_have_the_colours_of_the_legend(count):
    figure = figures._options({"hierarchical": recording([1.0] * count, options=[*range(count)] * 2)})
    [axis] = figure.axes
    [image] = axis.get_images()
    drawn = image.to_rgba(image.get_array()).reshape(-1, 4)
    legend = {line.get_label(): line.get_color() for line in axis.get_lines()}
    assert len(legend) == count
    for option in range(count):
        assert drawn[option] == pytest.approx(legend[f"option {option}"]), f"option {option}"
