"""Ranks of scores that are known, and weights against a likelihood that is searched."""

import numpy as np
import pytest
from scipy.special import log_softmax

from understudy.log_evaluation.retrieval import draw_candidates, fit_weights, ranks


def test_ranks_count_those_above_and_half_of_the_ties():
    assert ranks(np.array([[1, 2, 3, 2.5], [0, 0, 0, 0], [1, 1, 1, 9]])).tolist() == [2, 2.5, 1]


def test_candidates_are_a_hundred_different_replies_and_the_own_one_last():
    said = np.repeat(np.arange(1000, 1150), 2)
    drawn = draw_candidates(said, 0)
    assert drawn.shape == (300, 100)
    assert (drawn[:, -1] == said).all()
    assert all(len(np.unique(row)) == 100 for row in drawn)
    assert (drawn == draw_candidates(said, 0)).all() and (drawn != draw_candidates(said, 1)).any()


def test_of_fewer_replies_all_are_candidates():
    drawn = draw_candidates(np.array([7, 5, 9, 5]), 0)
    assert [sorted(row) for row in drawn.tolist()] == [[5, 7, 9]] * 4


def test_weights_are_those_of_the_greatest_likelihood():
    generator = np.random.default_rng(0)
    scores = generator.standard_normal((2, 400, 20))
    chosen = (2 * scores[0] + 0.5 * scores[1] + generator.gumbel(size=(400, 20))).argmax(axis=1)
    last = np.arange(400)
    for each in scores:  # what was chosen becomes the last candidate
        each[last, chosen], each[:, -1] = each[:, -1].copy(), each[last, chosen].copy()
    found = fit_weights(list(scores))
    assert found == pytest.approx([2, 0.5], abs=0.25)

    def likelihood(weights):
        return log_softmax(np.tensordot(weights, scores, 1), axis=1)[:, -1].mean()

    around = [found + move for move in ([0.05, 0], [-0.05, 0], [0, 0.05], [0, -0.05])]
    assert likelihood(found) > max(map(likelihood, around))


def test_a_score_that_misleads_counts_nothing():
    generator = np.random.default_rng(0)
    good, bad = generator.standard_normal((2, 200, 10))
    good[:, -1] += 1
    bad[:, -1] -= 1
    weights = fit_weights([good, bad])
    assert weights[1] == 0 < weights[0]
