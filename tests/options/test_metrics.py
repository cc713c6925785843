"""What options tell about actions, where the answer is known.

The expected information: log 2 nats for a choice of two that the option decides; for a vector, the logarithm of the
ratio of deviations without and with the option, an entry.
"""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import CHOICES, VECTORS, in_other_units, in_random_states, with_columns
from understudy.options.metrics import information_about_actions

STEPS = 600


def drawn(seed: int) -> tuple[np.random.Generator, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator, generator.integers(2, size=STEPS)


def deciding_choices(seed: int):
    _, options = drawn(seed)
    return replace(in_random_states(CHOICES, options, [STEPS], seed), options=options, num_options=2)


def deciding_vectors(seed: int):
    generator, options = drawn(seed)
    labels = (options[:, None] - 0.5) + generator.normal(0.0, 0.05, (STEPS, 2))
    return replace(in_random_states(VECTORS, labels, [STEPS], seed), options=options, num_options=2)


def with_noise(sequences, seed: int):
    return replace(sequences, options=np.random.default_rng(seed + 100).integers(2, size=STEPS))


def test_an_option_that_decides_a_choice_is_worth_a_bit():
    assert 0.6 < information_about_actions(deciding_choices(0), deciding_choices(1)) < 0.9


def test_an_option_that_decides_a_vector_is_worth_the_ratio_of_deviations():
    # Two entries of log(0.5025 / 0.05) = 2.3 nats; trees of finite size reach most of it.
    assert 3.0 < information_about_actions(deciding_vectors(0), deciding_vectors(1)) < 6.0


@pytest.mark.parametrize("deciding", [deciding_choices, deciding_vectors])
def test_an_option_that_is_noise_is_worth_nothing(deciding):
    got = information_about_actions(with_noise(deciding(0), 0), with_noise(deciding(1), 1))
    assert abs(got) < 0.1


def test_an_option_that_the_state_gives_away_is_worth_nothing():
    def given_away(seed: int):
        sequences = in_random_states(CHOICES, np.zeros(STEPS), [STEPS], seed)
        options = (sequences.states[:, 0] > 0).astype(np.int16)
        return replace(with_columns(sequences, labels=options), options=options, num_options=2)

    assert abs(information_about_actions(given_away(0), given_away(1))) < 0.05


def test_information_is_about_the_demonstrated_action():
    training, held_out = deciding_choices(0), deciding_choices(1)
    executed = [with_columns(part, actions=np.zeros(STEPS)) for part in (training, held_out)]
    assert information_about_actions(*executed) == information_about_actions(training, held_out)


def test_information_is_the_same_in_other_units_of_the_actions():
    parts = deciding_vectors(0), deciding_vectors(1)
    # Far below what a variance is kept above in the units of the range.
    larger = [in_other_units(part, 2.0**12) for part in parts]
    assert information_about_actions(*larger) == information_about_actions(*parts)


def test_information_is_the_same_each_time():
    parts = deciding_vectors(0), deciding_vectors(1)
    assert information_about_actions(*parts) == information_about_actions(*parts)


def test_an_action_that_only_the_held_out_steps_hold_is_counted():
    training, held_out = deciding_choices(0), deciding_choices(1)
    labels = held_out.labels.copy()
    labels[:10] = 2
    assert np.isfinite(information_about_actions(training, with_columns(held_out, labels=labels)))


def test_a_demonstrator_of_one_action_tells_nothing():
    training, held_out = (
        with_columns(part, labels=np.zeros(STEPS)) for part in (deciding_choices(0), deciding_choices(1))
    )
    assert information_about_actions(training, held_out) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("times", [1, 5])
def test_an_action_that_was_hardly_ever_demonstrated_in_a_long_recording_changes_little(times):
    """scikit-learn divides more than 10,000 steps to find out when to stop, and wants every action in both parts."""
    labels = np.random.default_rng(0).integers(2, size=10_001)
    labels[:times] = 2
    rare = replace(in_random_states(CHOICES, labels, [10_001]), options=labels % 2, num_options=2)
    assert 0.6 < information_about_actions(rare, rare) < 0.8
