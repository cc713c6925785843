"""Figures: they exist, are pictures of a readable size, and come out the same to the byte."""

import pytest
from matplotlib import pyplot
from PIL import Image

from tests.report.outcomes import CURVE, EXPERT_CURVE
from tests.toys import CHOICES, VECTORS, recording
from understudy.evaluation.score import Evaluated, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.report import figures
from understudy.report.figures import write_figures
from understudy.rollouts.parquet import Recording

FILES = {"results.png", "learning_curves.png", "actions.png", "options.png"}
MOST_PIXELS = 1300  # wide


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


def write(folder, played: dict[str, Recording], curve=CURVE, expert_curve=EXPERT_CURVE) -> dict[str, bytes]:
    folder.mkdir()
    before = pyplot.get_fignums()  # another test may have kept its own open to look at them
    summary = summarise({name: Evaluated([each]) for name, each in played.items()}, Bootstrap(100, 0.95, 0))
    curves = {name: curve for name in played if name not in ("expert", "random")}
    write_figures(folder, summary, played, curves, expert_curve)
    assert pyplot.get_fignums() == before
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


def test_without_options_there_is_no_figure_of_them(tmp_path):
    assert set(write(tmp_path / "figures", recordings(VECTORS))) == FILES - {"options.png"}


def test_figures_of_many_policies_are_no_wider_than_a_screen(tmp_path):
    many = recordings() | {f"policy_{number}": recording([float(number)] * 3) for number in range(21)}
    write(tmp_path / "figures", many)
    for path in (tmp_path / "figures").iterdir():
        with Image.open(path) as picture:
            assert picture.width <= MOST_PIXELS, path.name


def test_a_learner_has_a_panel_of_its_own_and_what_has_not_learned_has_none():
    titles = [axis.get_title() for axis in figures.learning_curves({"mlp": CURVE}, EXPERT_CURVE).axes]
    assert titles == ["expert", "mlp"]
    assert [axis.get_title() for axis in figures.learning_curves({"mlp": CURVE}, []).axes] == ["mlp"]
