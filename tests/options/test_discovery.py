"""Options are found where they are known, the same in every fit, and in odd demonstrations too."""

import warnings
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import (
    CHOICES,
    SPECS,
    VECTORS,
    by_hand,
    in_other_units,
    in_random_states,
    refused,
    two_rules,
    with_columns,
)
from understudy.errors import DataError
from understudy.interface import Interface
from understudy.options import discovery
from understudy.options.discovery import find_options, step_features
from understudy.params.options import OptionParams

PARAMS = OptionParams(seed=0, count=2, iterations=20, restarts=2, dwell=30.0, smoothing=21, state_weight=0.05)


def agreement(options: np.ndarray, rules: np.ndarray) -> float:
    """Share of steps in which two labels agree, under the better of the two ways to name them."""
    same = float((options == rules).mean())
    return max(same, 1 - same)


@pytest.mark.parametrize("spec", SPECS)
def test_two_rules_are_told_apart(spec):
    sequences, rules = two_rules(spec, seed=0)
    options, _ = find_options(sequences, PARAMS).label(sequences)
    assert agreement(options, rules) > 0.9


@pytest.mark.parametrize("spec", SPECS)
def test_the_rules_are_found_in_episodes_that_were_held_out(spec):
    model = find_options(two_rules(spec, seed=0)[0], PARAMS)
    held_out, rules = two_rules(spec, seed=1)
    assert agreement(model.label(held_out)[0], rules) > 0.9


@pytest.mark.parametrize("spec", SPECS)
def test_two_fits_give_the_same_labels(spec):
    sequences, _ = two_rules(spec, seed=0)
    np.random.seed(1)
    first, first_ends = find_options(sequences, PARAMS).label(sequences)
    np.random.seed(2)
    second, second_ends = find_options(sequences, PARAMS).label(sequences)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first_ends, second_ends)


@pytest.mark.parametrize("spec", SPECS)
def test_terminations_mark_switches_and_the_starts_of_episodes(spec):
    sequences, _ = two_rules(spec, seed=0)
    options, terminations = find_options(sequences, PARAMS).label(sequences)
    starts = set(sequences.offsets[:-1].tolist())
    expected = [step in starts or options[step] != options[step - 1] for step in range(sequences.num_steps)]
    assert (options.dtype, terminations.dtype) == (np.int16, bool)
    assert terminations.tolist() == expected
    assert len(starts) < sum(expected) < 4 * len(starts)


def test_options_explain_what_was_demonstrated_and_not_what_was_executed():
    sequences, rules = two_rules(VECTORS, seed=0)
    noisy = with_columns(sequences, actions=np.random.default_rng(0).normal(size=sequences.actions.shape))
    assert agreement(find_options(noisy, PARAMS).label(noisy)[0], rules) > 0.9


def test_an_episode_is_labelled_by_itself():
    sequences, _ = two_rules(CHOICES, seed=0)
    model = find_options(sequences, PARAMS)
    single = by_hand(CHOICES, sequences.states, sequences.labels, [1] * sequences.num_steps)

    def step(number: int):
        here = slice(number, number + 1)
        return by_hand(CHOICES, sequences.states[here], sequences.labels[here], [1])

    alone = [model.label(step(number))[0][0] for number in range(100)]
    assert model.label(single)[0][:100].tolist() == alone
    # Steps that tell little take the option of their neighbours, where they have any.
    assert model.label(sequences)[0][:100].tolist() != alone


def test_the_likeliest_of_several_fits_is_kept():
    sequences, _ = two_rules(VECTORS, seed=0)
    short = PARAMS.model_copy(update={"iterations": 1, "count": 4})
    lengths = np.diff(sequences.offsets)

    def score(**changes) -> float:
        model = find_options(sequences, short.model_copy(update=changes))
        return model.hmm.score(step_features(sequences), lengths)

    alone = [score(seed=seed, restarts=1) for seed in range(1, 5)]
    assert max(alone) not in (alone[0], alone[-1])
    assert score(seed=1, restarts=4) == max(alone)


def test_options_are_the_same_in_other_units_of_the_actions():
    sequences, _ = two_rules(VECTORS, seed=0)
    np.testing.assert_array_equal(step_features(in_other_units(sequences)), step_features(sequences))


def test_features_are_the_normalised_state_and_the_demonstrated_action():
    sequences, _ = two_rules(VECTORS, seed=0, episodes=1)
    scales = replace(sequences.task.scales, state_mean=(1.0, 2.0, 3.0), state_std=(2.0, 4.0, 8.0))
    scaled = replace(sequences, interface=Interface((replace(sequences.task, scales=scales),)))
    got = step_features(with_columns(scaled, actions=sequences.actions + 1))
    expected = (sequences.states.astype(np.float64) - [1.0, 2.0, 3.0]) / [2.0, 4.0, 8.0]
    assert got.dtype == np.float64
    np.testing.assert_allclose(got[:, :3], expected, atol=1e-6)
    np.testing.assert_allclose(got[:, 3:], (sequences.labels - [0.0, -0.75]) / [1.0, 1.25], atol=1e-6)


def assert_labels_every_step(model, sequences) -> None:
    options, terminations = model.label(sequences)
    assert options.shape == terminations.shape == (sequences.num_steps,)
    assert 0 <= options.min() <= options.max() < PARAMS.count
    assert terminations[sequences.offsets[:-1]].all()


@pytest.mark.parametrize("action", [0, 2])
def test_a_demonstrator_of_one_action_has_options_all_the_same(action):
    sequences = in_random_states(CHOICES, np.full(120, action), [60, 60])
    model = find_options(sequences, PARAMS)
    assert_labels_every_step(model, sequences)
    assert_labels_every_step(model, in_random_states(CHOICES, np.arange(60) % 3, [30, 30], seed=1))


def test_a_demonstrator_of_one_vector_has_options_all_the_same():
    sequences = in_random_states(VECTORS, np.zeros((120, 2)), [60, 60])
    assert_labels_every_step(find_options(sequences, PARAMS), sequences)


@pytest.mark.parametrize("seen", [(0, 1), (0, 2), (1, 2)])
def test_an_action_that_only_the_held_out_episodes_hold_is_labelled(seen):
    generator = np.random.default_rng(0)
    model = find_options(in_random_states(CHOICES, generator.choice(seen, size=120), [60, 60]), PARAMS)
    assert_labels_every_step(model, in_random_states(CHOICES, np.arange(60) % 3, [30, 30], seed=1))


@pytest.mark.parametrize("seen", [(0, 1), (0, 2), (1, 2)])
def test_an_unseen_action_is_unlikely_and_not_impossible(seen):
    generator = np.random.default_rng(0)
    model = find_options(in_random_states(CHOICES, generator.choice(seen, size=120), [60, 60]), PARAMS)
    missing = ({0, 1, 2} - set(seen)).pop()
    score = {
        action: model.hmm.score(step_features(in_random_states(CHOICES, [action], [1])), [1])
        for action in (*seen, missing)
    }
    assert np.isfinite(score[missing])
    assert score[missing] < min(score[action] for action in seen) - 3


def test_episodes_of_one_step_are_labelled():
    sequences = in_random_states(CHOICES, np.arange(60) % 3, [1] * 60)
    model = find_options(sequences, PARAMS)
    assert_labels_every_step(model, sequences)
    assert model.label(sequences)[1].all()


def test_fewer_steps_than_options_are_refused():
    with refused(DataError, "options: expected at least 2 steps, one an option, got 1"):
        find_options(in_random_states(CHOICES, [0], [1]), PARAMS)


@pytest.mark.parametrize("spec", SPECS)
def test_as_many_steps_as_options_are_enough_and_nothing_is_said(spec, caplog):
    labels = np.arange(2) if spec == CHOICES else np.arange(4).reshape(2, 2) / 8
    sequences = in_random_states(spec, labels, [2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_labels_every_step(find_options(sequences, PARAMS), sequences)
        # The last round of this fit loses likelihood, of which hmmlearn would warn where actions are vectors.
        find_options(two_rules(spec, seed=0)[0], PARAMS.model_copy(update={"count": 3, "seed": 1, "restarts": 1}))
    assert caplog.records == []


def test_sums_are_taken_in_one_thread(monkeypatch):
    threads = []
    monkeypatch.setattr(discovery, "threadpool_limits", lambda count: threads.append(count) or nullcontext())
    sequences = two_rules(CHOICES, seed=0)[0]
    find_options(sequences, PARAMS).label(sequences)
    assert threads == [1, 1, 1]  # two fits, and the labels
