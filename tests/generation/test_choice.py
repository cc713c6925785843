"""Choosing among legal tokens: the highest, or as often as a softmax says."""

import numpy as np

from understudy.generation.choice import choose

SCORES = np.log(np.asarray([[0.5, 0.1, 0.4], [0.2, 0.2, 0.6]], np.float32))
LEGAL = np.asarray([[False, True, True], [True, True, False]])


def test_at_temperature_zero_it_is_the_highest_legal_score():
    assert choose(SCORES, LEGAL, 0.0, np.zeros(2)).tolist() == [2, 0]


def test_draws_fall_into_the_legal_tokens_shares():
    """Of the first row 0.1 and 0.4 are left: a fifth of the draws is the second token."""
    draws = (np.arange(1000) + 0.5) / 1000
    for temperature, share in ((1.0, 0.2), (0.5, 0.01 / 0.17), (2.0, 1 / 3)):
        chosen = choose(SCORES[:1].repeat(1000, 0), LEGAL[:1].repeat(1000, 0), temperature, draws)
        assert set(chosen.tolist()) == {1, 2}
        assert abs((chosen == 1).mean() - share) <= 0.001
    assert choose(SCORES, LEGAL, 1.0, np.asarray([0.0, 0.999])).tolist() == [1, 1]


def test_what_rounding_leads_beyond_is_still_legal():
    hot = np.asarray([[0.0, -800.0, 5.0, 1000.0]])
    legal = np.asarray([[True, True, True, False]])
    for draw in (0.0, 1 - 2**-53):
        assert choose(hot, legal, 1e-3, np.asarray([draw])).tolist() == [2]
