"""What options tell about actions, where the answer is known.

The expected information: log 2 nats for a choice of two that the option decides; for a vector, the logarithm of the
ratio of deviations without and with the option, an entry.
"""

from contextlib import nullcontext

import numpy as np
import pytest
from scipy.stats import norm

from tests.builders import CHOICES, VECTORS, by_hand, in_other_units, in_random_states, with_columns
from understudy.options import metrics
from understudy.options.labels import labelled
from understudy.options.metrics import information_about_actions

STEPS = 600


def with_options(sequences, options):
    """The sequences with one of two options at each step."""
    return labelled(sequences, np.asarray(options), np.zeros(sequences.num_steps, bool), 2)


def drawn(seed: int) -> tuple[np.random.Generator, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator, generator.integers(2, size=STEPS)


def deciding_choices(seed: int):
    _, options = drawn(seed)
    return with_options(in_random_states(CHOICES, options, [STEPS], seed), options)


def deciding_vectors(seed: int):
    generator, options = drawn(seed)
    labels = (options[:, None] - 0.5) + generator.normal(0.0, 0.05, (STEPS, 2))
    return with_options(in_random_states(VECTORS, labels, [STEPS], seed), options)


def with_noise(sequences, seed: int):
    return with_options(sequences, np.random.default_rng(seed + 100).integers(2, size=STEPS))


def test_an_option_that_decides_a_choice_is_worth_a_bit():
    assert 0.6 < information_about_actions(deciding_choices(0), deciding_choices(1)) < 0.9


def test_an_option_that_decides_a_vector_is_worth_the_ratio_of_deviations():
    # Two entries of log(0.5025 / 0.05) = 2.3 nats; trees of finite size reach most of it.
    assert 3.0 < information_about_actions(deciding_vectors(0), deciding_vectors(1)) < 6.0


def flat(spec, labels, options):
    """Steps whose states tell nothing, so that a tree has the option alone to go by."""
    sequences = by_hand(spec, np.zeros((len(labels), 3)), labels, [len(labels)])
    return with_options(sequences, np.asarray(options))


def test_a_vectors_information_is_by_the_variance_of_the_training_residuals():
    """50 rounds that each take a tenth of what is left come to 1 - 0.9^50 of the way to the mean of each option."""
    generator, options = drawn(0)
    parts = [
        (generator.normal([0.02, 0.0], [0.04, 0.1], (600, 2)) + np.outer(options, [0.25, 0.0])).clip(-1, 0.5),
        generator.normal(0.1, 0.2, (600, 2)).clip(-1, 0.5),
    ]
    trained, judged = (flat(VECTORS, labels, options) for labels in parts)
    targets, expected = (each.task.normalize_actions(each.labels).astype(np.float64) for each in (trained, judged))

    def nll(predicted: np.ndarray) -> float:
        return (
            sum(
                norm.logpdf(
                    expected[:, entry], predicted[:, entry], np.sqrt(np.var(targets - predicted, axis=0)[entry] + 1e-6)
                ).mean()
                for entry in range(2)
            )
            * -1.0
        )

    alone = np.broadcast_to(targets.mean(axis=0), (600, 2))
    means = np.stack([targets[options == option].mean(axis=0) for option in range(2)])[options]
    gained = nll(alone) - nll(alone + (1 - 0.9**50) * (means - alone))
    assert abs(gained) > 0.5
    assert information_about_actions(trained, judged) == pytest.approx(gained, rel=1e-4)


def test_a_vector_that_never_varies_tells_nothing():
    still = flat(VECTORS, np.zeros((600, 2)), drawn(0)[1])
    assert information_about_actions(still, still) == 0.0


def test_choices_are_learned_in_training_and_judged_where_they_were_held_out():
    """One of nine to one in training, at random on held-out steps: -(log 0.9 + log 0.1) / 2 = 1.204 without the option."""
    options = np.arange(600) % 10 == 0
    even = np.arange(600) % 2
    trained, judged = flat(CHOICES, options, options.astype(int)), flat(CHOICES, even, even)
    assert information_about_actions(trained, judged) == pytest.approx(1.204, abs=0.05)


@pytest.mark.parametrize(("count", "least", "most"), [(19, 0.0, 0.0), (20, 0.05, 0.3)])
def test_an_action_counts_from_twenty_steps_on(count, least, most):
    rare = (np.arange(600) < count).astype(int)
    part = flat(CHOICES, rare, rare)
    assert least <= information_about_actions(part, part) <= most


def test_what_a_tree_takes_for_impossible_counts_as_next_to_impossible():
    """Where an option never failed in 9000 steps the other action's probability is below what the float holds."""
    rare = (np.arange(9000) < 20).astype(int)
    judged = flat(CHOICES, np.zeros(600), np.ones(600, int))
    assert information_about_actions(flat(CHOICES, rare, rare), judged) == pytest.approx(np.log(1e-9), abs=0.01)


@pytest.mark.parametrize("deciding", [deciding_choices, deciding_vectors])
def test_an_option_that_is_noise_is_worth_nothing(deciding):
    got = information_about_actions(with_noise(deciding(0), 0), with_noise(deciding(1), 1))
    assert abs(got) < 0.1


def test_an_option_that_the_state_gives_away_is_worth_nothing():
    def given_away(seed: int):
        sequences = in_random_states(CHOICES, np.zeros(STEPS), [STEPS], seed)
        options = (sequences.states[:, 0] > 0).astype(np.int16)
        return with_options(with_columns(sequences, labels=options), options)

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


def test_sums_are_taken_in_one_thread(monkeypatch):
    threads = []
    monkeypatch.setattr(metrics, "threadpool_limits", lambda count: threads.append(count) or nullcontext())
    information_about_actions(still := flat(CHOICES, np.zeros(30), np.zeros(30, int)), still)
    assert threads == [1]


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
    rare = with_options(in_random_states(CHOICES, labels, [10_001]), labels % 2)
    assert 0.6 < information_about_actions(rare, rare) < 0.8
