"""The CSV files behind DVC's plots, literally."""

import pytest

from tests.toys import VECTORS, recording
from understudy.errors import DataError
from understudy.report.plots import STUDENT_COLUMNS, read_curve, write_plots

CURVE = [
    {"step": 10.0, "train_loss": 1.25, "validation_loss": 1.5},
    {"step": 20.0, "train_loss": 0.1234567, "validation_loss": -2.0},
]


def lines(path) -> list[str]:
    return path.read_text().splitlines()


def test_learning_curves_have_a_line_a_split(tmp_path):
    write_plots(tmp_path, {"mlp": recording([1.0])}, {"mlp": CURVE})
    assert lines(tmp_path / "learning_curves.csv") == [
        "policy,step,split,loss",
        "mlp,10,training,1.25",
        "mlp,10,held out,1.5",
        "mlp,20,training,0.123457",
        "mlp,20,held out,-2",
    ]


def test_returns_have_a_line_an_episode(tmp_path):
    write_plots(tmp_path, {"expert": recording([1.5, -2.0]), "mlp": recording([0.25])}, {"mlp": CURVE})
    assert lines(tmp_path / "returns.csv") == [
        "policy,seed,return",
        "expert,10,1.5",
        "expert,11,-2",
        "mlp,10,0.25",
    ]


def test_actions_have_a_line_a_step_of_the_students(tmp_path):
    student = recording([1.0, 2.0], actions=[0, 1, 2, 3], demonstrated=[0, 2, 2, 1])
    write_plots(tmp_path, {"expert": recording([1.0, 2.0]), "mlp": student}, {"mlp": CURVE})
    expected = ["mlp,action_0,action_0", "mlp,action_2,action_1", "mlp,action_2,action_2", "mlp,action_1,action_3"]
    assert lines(tmp_path / "actions.csv") == ["policy,demonstrated,chosen", *expected]


def test_actions_are_those_of_the_first_twenty_episodes(tmp_path):
    write_plots(tmp_path, {"mlp": recording([1.0] * 25)}, {"mlp": CURVE})
    assert len(lines(tmp_path / "actions.csv")) == 1 + 20 * 2


def test_action_vectors_have_no_confusion_table(tmp_path):
    write_plots(tmp_path, {"mlp": recording([1.0], VECTORS)}, {"mlp": CURVE})
    assert lines(tmp_path / "actions.csv") == ["policy,demonstrated,chosen"]


def test_curves_are_read_as_numbers(tmp_path):
    path = tmp_path / "learning_curve.csv"
    path.write_text("step,train_loss,validation_loss\n10,1.25,1e-3\n20,-2,0\n")
    assert read_curve(path, STUDENT_COLUMNS) == [
        {"step": 10.0, "train_loss": 1.25, "validation_loss": 0.001},
        {"step": 20.0, "train_loss": -2.0, "validation_loss": 0.0},
    ]


@pytest.mark.parametrize(
    "content", [b"step,loss\n10,much\n", b"step,loss\n10\n", b"step,loss\n10,1,2\n", b"step\n\xff\n"]
)
def test_a_table_that_holds_no_numbers_is_refused(tmp_path, content):
    path = tmp_path / "learning_curve.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"learning_curve\.csv: expected a table of numbers") as caught:
        read_curve(path, ["step"])
    assert "\n" not in str(caught.value)


def test_a_missing_curve_is_named(tmp_path):
    with pytest.raises(DataError, match=r"learning_curve\.csv: expected a learning curve, found no such file"):
        read_curve(tmp_path / "learning_curve.csv", STUDENT_COLUMNS)


def test_a_curve_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "learning_curve.csv"
    path.write_text("steps,loss\n10,1.25\n")
    with pytest.raises(
        DataError, match=r"expected the columns step, train_loss, validation_loss, got none called step$"
    ):
        read_curve(path, STUDENT_COLUMNS)
