"""The figure: the same bytes for the same trials, and one for any list of them."""

import pytest

from tests.search.projects import BLOCK
from understudy.params.search import SearchParams
from understudy.search import figure
from understudy.search.trial import COMPLETE, FAILED, PRUNED, Trial

SEARCH = SearchParams(
    **(BLOCK | {"space": {"model.width": {"low": 1, "high": 9}, "model.kind": {"choices": ["a", "b"]}}})
)


def trials(count):
    values = [{"model.width": 1 + number, "model.kind": "ab"[number % 2]} for number in range(count)]
    found = [
        Trial(each, COMPLETE, float(number), returns=[[number - 1.0, number + 1.0]])
        for number, each in enumerate(values)
    ]
    for number, state in ((2, PRUNED), (4, FAILED)):
        if number < count:
            found[number] = Trial(values[number], state)
    return found


def test_the_same_trials_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        figure.draw(SEARCH, trials(8), tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


@pytest.mark.parametrize("objective", ["return", "validation_loss"])
def test_what_is_drawn_is_the_history_and_the_best_so_far(tmp_path, monkeypatch, objective):
    drawn = {}
    monkeypatch.setattr(figure.pyplot, "close", lambda each: drawn.update(axes=each.axes))
    found = trials(6)
    found[0].value = 2.0
    figure.draw(SEARCH.model_copy(update={"objective": objective}), found, tmp_path / "search.png")
    left, right = drawn["axes"]
    best = [2.0, 2.0, 3.0, 5.0, 5.0] if objective == "return" else [2.0, 1.0, 1.0, 1.0, 1.0]
    assert [line.get_ydata().tolist() for line in left.lines if line.get_label() == "best so far"] == [best]
    assert [list(line.get_xdata()) for line in left.lines if line.get_label() == "given up or failed"] == [[2, 4]]
    assert sorted(label.get_text() for label in right.get_yticklabels()) == ["model.kind", "model.width"]


def test_one_trial_has_no_importances_and_a_figure(tmp_path):
    figure.draw(SEARCH, trials(1), tmp_path / "search.png")
    assert (tmp_path / "search.png").stat().st_size > 5000
