"""What a turn decided, and what makes two runs the same."""

from dataclasses import replace

import pytest

from understudy.logs.run import Part, Run, with_decisions


def part(turn, role, kind="text"):
    return Part(turn, role, kind, role, "x")


def decisions(*parts, ended=None):
    return [each.decision for each in with_decisions(list(parts), ended)]


def test_a_turn_is_named_by_its_first_call_else_by_what_it_says_else_by_its_thought():
    user = part(0, "user")
    calls = [part(1, "assistant", kind) for kind in ("thought", "text", "tool_call", "tool_call")]
    assert decisions(user, *calls) == [False, False, False, True, False]
    assert decisions(user, *calls[:2], part(2, "user")) == [False, False, True, True]
    assert decisions(user, calls[0]) == [False, True]


def test_what_opens_a_run_decides_nothing_but_a_call_does():
    greeting = [part(1, "assistant", "thought"), part(1, "assistant")]
    assert decisions(part(0, "system"), *greeting, part(2, "user")) == [False, False, False, True]
    assert decisions(*greeting, part(1, "assistant", "tool_call"), part(2, "user")) == [False, False, True, True]
    assert decisions(part(0, "system"), part(1, "assistant"), part(2, "user")) == [False, False, True]
    assert decisions(part(0, "assistant", "tool_call"), part(1, "tool", "tool_result")) == [True, False]


@pytest.mark.parametrize(("ended", "kind"), [(None, "finish"), ("user_stop", "finish"), ("max_steps", "text")])
def test_a_text_after_which_nothing_comes_ends_the_run_unless_it_was_cut_off(ended, kind):
    assert with_decisions([part(0, "user"), part(1, "assistant")], ended)[1].kind == kind


def test_the_last_result_or_call_ends_nothing():
    parts = [part(0, "user"), part(1, "assistant", "tool_call"), part(2, "tool", "tool_result")]
    assert [each.kind for each in with_decisions(parts, None)] == ["text", "tool_call", "tool_result"]


RUN = Run((Part(0, "user", "text", "user", "hello"),), "test", name="a")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"task": "t"},
        {"outcome": 0.0},
        {"metadata": {"x": 1}},
        {"parts": (replace(RUN.parts[0], text="hello "),)},
        {"parts": (replace(RUN.parts[0], tool="x"),)},
        {"parts": RUN.parts * 2},
    ],
)
def test_the_digest_is_of_all_that_was_said(change):
    assert replace(RUN, **change).digest() != RUN.digest()
    assert replace(RUN, format="other").digest() == RUN.digest()


def test_what_is_no_unicode_has_no_digest():
    with pytest.raises(UnicodeEncodeError):
        replace(RUN, parts=(replace(RUN.parts[0], text="\ud800"),)).digest()
