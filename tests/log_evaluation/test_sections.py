"""The report on logs shows texts of logs as text, whatever they hold."""

import re

import numpy as np
import pytest

from tests.log_evaluation.judged import RUNS
from understudy.log_evaluation.acts import Act
from understudy.log_evaluation.attention import draw_attention, most_looked_at
from understudy.log_evaluation.behaviour import describe_behaviour
from understudy.log_evaluation.sections import Attended, LogOutcome, log_sections
from understudy.log_evaluation.surprise import OddStep
from understudy.report.page import page

EVIL = "<script>alert(1)</script> $\\frac{ & <img src=x onerror=alert(1)>"
WEIGHTS = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None]


@pytest.fixture(scope="module")
def text():
    acts = [[Act(0, turn, "tool_call", EVIL, 0, 0, "same") for turn in range(count)] for count in np.diff(RUNS.offsets)]
    entry = {"accuracy": 0.5, "tool_accuracy": None, "success_auroc_half": 0.6}
    found = LogOutcome(
        summary={EVIL: entry},
        baseline="logistic",
        success_baseline="run_length",
        behaviours={"test": describe_behaviour(acts, RUNS, longest=2)},
        acts={"test": acts},
        names={"test": [EVIL] * 4},
        odd={EVIL: [OddStep(1, 2, EVIL, EVIL, 0.01, 0.9, 4.6)]},
        attended={EVIL: [Attended(0, WEIGHTS)]},
        texts=[EVIL],
    )
    return page(EVIL, EVIL, log_sections(found))


def test_no_text_becomes_markup(text):
    assert "<script" not in text and "<img" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert {name for name in re.findall(r"<(\w+)", text)} <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "link",
            "style",
            "body",
            "h1",
            "h2",
            "h3",
            "p",
            "nav",
            "a",
            "section",
            "div",
        ),
        *("table", "thead", "tbody", "tr", "th", "td", "details", "summary"),
        *("svg", "g", "path", "defs", "use", "text", "tspan", "rect", "clipPath", "image"),
    }


def test_odd_steps_loops_and_looks_are_there(text):
    assert "<td>4.60</td>" in text
    assert "<td>3</td><td>test</td>" in text  # three of the same call, the whole of a run
    assert "0.50" in text and "0.33" in text


def test_a_name_is_no_formula(tmp_path):
    draw_attention(WEIGHTS, ["$\\frac{$", "b", "$c$"], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_looked_at_most_in_words():
    weights = np.array([[1.0, 0, 0], [0.98, 0.02, 0], [0.2, 0.5, 0.3]])
    assert [most_looked_at(weights, "abc", step) for step in range(3)] == [
        "0 a 1.00",
        "0 a 0.98",
        "1 b 0.50, 2 c 0.30, 0 a 0.20",
    ]
