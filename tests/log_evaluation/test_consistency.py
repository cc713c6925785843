"""Agreement of runs that are written down."""

import numpy as np
import pytest

from tests.log_evaluation.judged import CHOICES, RUNS
from understudy.log_evaluation.consistency import Agreement, common_length, run_agreement, same_prefix
from understudy.log_evaluation.runs import JudgedRuns


def runs_of(*choices, tasks):
    lengths = [len(each) for each in choices]
    labels = np.concatenate([np.asarray(each) for each in choices])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return JudgedRuns(CHOICES, labels, offsets, np.asarray(tasks), ("a", "b"), np.ones(len(choices)))


def test_decisions_count_where_all_before_them_are_the_same():
    runs = runs_of([2, 0, 3], [2, 0, 0], [2, 1, 3], tasks=[0, 0, 0])
    # at first three pairs agree; then (0, 0) does and twice (0, 1) does not; after 2, 0 come 3 and 0
    assert same_prefix(runs.labels, runs) == Agreement(pytest.approx(4 / 7), 7)


def test_a_policy_is_asked_after_the_logged_choices():
    runs = runs_of([2, 0, 3], [2, 0, 0], tasks=[0, 0])
    always = np.zeros(6, np.int64)
    assert same_prefix(always, runs) == Agreement(1.0, 3)


def test_runs_of_different_tasks_are_no_pair():
    runs = runs_of([2, 0], [2, 0], tasks=[0, 1])
    assert same_prefix(runs.labels, runs) == run_agreement(runs) == Agreement(None, 0)


def test_two_runs_of_a_task_by_their_common_choices():
    found = run_agreement(RUNS)  # of task a: look_up, reply, finish, and reply, another
    assert found == Agreement(pytest.approx(2 * 1 / 5), 1)


@pytest.mark.parametrize(("first", "other", "length"), [("abcbdab", "bdcaba", 4), ("aaa", "aa", 2), ("", "a", 0)])
def test_the_longest_common_subsequence(first, other, length):
    codes = [[ord(letter) for letter in each] for each in (first, other)]
    assert common_length(*codes) == common_length(*reversed(codes)) == length
