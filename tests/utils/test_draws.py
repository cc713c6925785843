"""Draws depend on a seed alone, and are even."""

import numpy as np

from understudy.utils.draws import uniform


def test_the_known_beginning_of_splitmix64():
    """The generator's first output from the state 0, 0xE220A8397B1DCDAF in its author's code."""
    assert uniform(np.zeros(1, np.int64))[0] == (0xE220A8397B1DCDAF >> 11) * 2.0**-53


def test_a_game_draws_the_same_in_any_company():
    seeds = np.arange(50, 150)
    assert (uniform(seeds, 3, 1)[7:9] == uniform(seeds[7:9], 3, 1)).all()
    assert (uniform(seeds, 3, 1) != uniform(seeds, 1, 3)).all()
    assert (uniform(seeds, 3, 1) != uniform(seeds, 3, 2)).all()


def test_draws_are_even_and_their_streams_have_nothing_to_do_with_each_other():
    seeds = np.arange(20_000)
    first, second = uniform(seeds, 1), uniform(seeds, 2)
    assert np.bincount((first * 10).astype(int), minlength=10).min() > 1850  # of 2,000, whose deviation is 42
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert first.min() >= 0 and first.max() < 1


def test_a_part_of_the_stream_may_differ_from_row_to_row():
    seeds, steps = np.arange(5), np.asarray([0, 3, 3, 0, 9])
    assert uniform(seeds, steps, 2).tolist() == [
        uniform(seeds[row : row + 1], int(steps[row]), 2)[0] for row in range(5)
    ]
