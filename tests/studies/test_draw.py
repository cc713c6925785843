"""The table and the figure of studies/hidden_velocity, from summaries of known numbers."""

import os
import runpy
import shutil
import sys
from pathlib import Path

import pytest

from tests.builders import imported
from tests.forked import start
from tests.imports import ROOT
from understudy.errors import DataError
from understudy.params.whole import load_params
from understudy.utils.jsonfile import write_json

STUDY = ROOT / "studies" / "hidden_velocity"


@pytest.fixture
def draw():
    return imported(STUDY / "draw.py")


@pytest.fixture
def study(tmp_path) -> Path:
    """The study's folder with made-up summaries: the n-th policy of a run scores n hundredths."""
    for run in ("few", "many"):
        (tmp_path / run / "metrics").mkdir(parents=True)
        shutil.copy(STUDY / run / "params.yaml", tmp_path / run)
        names = ["expert", *load_params(tmp_path / run / "params.yaml").policies.names]
        write_json(tmp_path / run / "metrics" / "summary.json", {name: entry(n / 100) for n, name in enumerate(names)})
    return tmp_path


def entry(score: float) -> dict:
    shares = {"copy_rate": 0.5, "action_accuracy": 0.9, "change_accuracy": 0.25 if score else None}
    return {"score": score, "score_ci_low": score - 0.01, "score_ci_high": score + 0.02} | shares


def run_in(folder: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of the program in a fork, which does not import what it draws with."""

    def program() -> None:
        os.chdir(folder)
        sys.argv = [str(STUDY / "draw.py")]
        runpy.run_path(sys.argv[0], run_name="__main__")

    return start(program).wait()


def test_the_table_has_a_row_a_policy_with_its_setting_and_its_numbers(draw, study) -> None:
    lines = draw.format_table({run: draw.read_run(study / run) for run in ("few", "many")}).splitlines()
    assert len(lines) == 2 + 2 * 27
    assert lines[2] == "| 10 | expert |  |  | 0.000 [-0.010, 0.020] | 0.500 | 0.900 |  |"
    assert lines[3] == "| 10 | mlp | 0 |  | 0.010 [0.000, 0.030] | 0.500 | 0.900 | 0.250 |"
    assert lines[4] == "| 10 | 1 | 0 | 0 | 0.020 [0.010, 0.040] | 0.500 | 0.900 | 0.250 |"
    assert lines[-6] == "| 200 | 50 | 1 | 0.5 | 0.210 [0.200, 0.230] | 0.500 | 0.900 | 0.250 |"
    assert lines[-2] == "| 200 | 20 | 3 | 0 | 0.250 [0.240, 0.270] | 0.500 | 0.900 | 0.250 |"
    assert lines[-1] == "| 200 | mlp_differences | 1 |  | 0.260 [0.250, 0.280] | 0.500 | 0.900 | 0.250 |"


def test_each_line_of_the_figure_holds_its_contexts(draw, study) -> None:
    """Scores by name: context_1 is the second student, its variants follow, then context_2 and so on; further orders last."""
    figure, axis = draw.pyplot.subplots()
    draw._panel(axis, draw.read_run(study / "few"), "score")
    drawn = {container.get_label(): list(container.lines[0].get_ydata()) for container in axis.containers}
    assert drawn == {
        "no differences": pytest.approx([0.02, 0.06, 0.10, 0.14, 0.18]),
        "no differences, action dropout": pytest.approx([0.03, 0.07, 0.11, 0.15, 0.19]),
        "differences": pytest.approx([0.04, 0.08, 0.12, 0.16, 0.20]),
        "differences, action dropout": pytest.approx([0.05, 0.09, 0.13, 0.17, 0.21]),
        "differences of orders 1 and 2": pytest.approx([0.22, 0.24]),
        "differences of orders 1 to 3": pytest.approx([0.23, 0.25]),
    }
    across = {line.get_label(): line.get_ydata()[0] for line in axis.lines if not line.get_label().startswith("_")}
    assert across == {"expert": 0.0, "mlp": 0.01, "mlp_differences": 0.26}
    draw.pyplot.close(figure)


def test_the_program_writes_both_and_the_same_again(study) -> None:
    written = []
    for _ in range(2):
        assert run_in(study)[0] == 0
        written.append([(study / name).read_bytes() for name in ("results.md", "results.png")])
    assert written[0] == written[1]
    assert written[0][1].startswith(b"\x89PNG")


def test_a_policy_without_numbers_is_named(draw, study) -> None:
    write_json(study / "many" / "metrics" / "summary.json", {"expert": entry(1.0), "mlp": entry(0.5)})
    with pytest.raises(DataError, match=r"many/metrics/summary.json: expected an entry context_1, got none"):
        draw.read_run(study / "many")
    said = "draw: many/metrics/summary.json: expected an entry context_1, got none\n"
    assert run_in(study) == (1, "", said)
    assert not (study / "results.md").exists()
