"""The figure is a picture, the same to the byte, and leaves out what is unknown."""

from understudy.log_evaluation.figure import draw

KNOWN = {"accuracy": 0.6, "accuracy_ci_low": 0.5, "accuracy_ci_high": 0.7}
TOOLS = {"tool_accuracy": 0.4, "tool_accuracy_ci_low": 0.3, "tool_accuracy_ci_high": 0.5}


def test_it_is_drawn_the_same_twice_and_otherwise_of_other_numbers(tmp_path):
    summary = {"majority": KNOWN | {"tool_accuracy": None}, "decoder": KNOWN | TOOLS}
    for name in ("one.png", "two.png"):
        draw(summary, ["decoder"], tmp_path / name)
    draw({**summary, "majority": KNOWN | TOOLS}, ["decoder"], tmp_path / "other.png")
    one, two, other = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png", "other.png"))
    assert one == two != other
    assert one.startswith(b"\x89PNG")
