"""Loops of sequences that are written down."""

import pytest

from understudy.log_evaluation.loops import Loop, find_loops


@pytest.mark.parametrize(
    ("steps", "loops"),
    [
        ("abcd", []),
        ("aab", [Loop(0, 1, 2)]),
        ("xababab", [Loop(1, 2, 3)]),
        ("abcabcz", [Loop(0, 3, 2)]),
        ("aaaa", [Loop(0, 1, 4)]),  # not twice aa
        ("aabaab", [Loop(0, 3, 2)]),  # covers more than the first aa
        ("aabbb", [Loop(0, 1, 2), Loop(2, 1, 3)]),
        ("abab", [Loop(0, 2, 2)]),
        ("abcdabcd", []),  # longer than three
        ("", []),
        ("aba", []),  # what comes back without repeating is none
    ],
)
def test_loops_by_eye(steps, loops):
    assert find_loops(list(steps), longest=3) == loops


def test_where_a_loop_ends():
    assert Loop(2, 3, 4).end == 14
