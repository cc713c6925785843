"""Chunks drawn by how wrong the model was about them.

Chances and weights are held to literals, and the tree of sums to the one sum that it stands for.
"""

import numpy as np
import pytest
import torch

from tests.builders import CHOICES, SEVERAL_CHOICES, refused
from tests.sequences.test_dataset import LENGTHS, chunked, counting, rows_of
from understudy.errors import ParameterError
from understudy.sequences import prioritized as module
from understudy.sequences.prioritized import Priorities, PrioritizedChunks

PLAIN = {"exponent": 1.0, "correction": 1.0, "anneal_batches": 1, "smallest_error": 1e-6}


def priorities(errors, seed: int = 0, **others) -> Priorities:
    """Those of chunks about which the model was so wrong."""
    made = Priorities(len(errors), seed, **PLAIN | others)
    made.update(np.arange(len(errors)), np.asarray(errors, float))
    return made


def test_chunks_are_drawn_as_often_as_their_priorities_say():
    made = priorities([1.0, 0.0, 3.0, 4.0, 2.0], exponent=0.5)
    counts = np.bincount(np.concatenate([made.draw(10)[0] for _ in range(3000)]), minlength=5) / 30_000
    # Square roots: 1, 0.001, 1.732, 2, 1.414 of 6.147.
    np.testing.assert_allclose(counts, [0.1627, 0.0002, 0.2818, 0.3254, 0.2301], atol=0.004)


def test_a_batch_takes_one_chunk_of_each_equal_part_of_the_sum():
    made = priorities([1.0, 1.0, 2.0, 4.0])
    for _ in range(20):
        assert made.draw(4)[0].tolist() in ([0, 2, 3, 3], [1, 2, 3, 3])
        assert np.sort(made.draw(8)[0]).tolist() == [0, 1, 2, 2, 3, 3, 3, 3]


@pytest.mark.parametrize(("correction", "expected"), [(1.0, [1, 0.5, 0.25]), (0.5, [1, 0.7071, 0.5]), (0.0, [1, 1, 1])])
def test_weights_undo_the_bias_of_the_draws(correction, expected):
    """Of chances 1, 2 and 4 in 7, each to the power -beta, with the rarest at 1."""
    made = priorities([1.0, 2.0, 4.0], correction=correction)
    chosen, weights = made.draw(70)
    np.testing.assert_allclose(weights, np.asarray(expected)[chosen], rtol=1e-4)
    assert set(chosen) == {0, 1, 2}


def test_beta_grows_to_one_and_stays():
    made = priorities([1.0, 2.0], correction=0.4, anneal_batches=3)
    betas = []
    for _ in range(5):
        betas.append(made.beta)
        made.draw(2)
    np.testing.assert_allclose(betas, [0.4, 0.6, 0.8, 1.0, 1.0])


def test_what_was_never_learned_of_has_the_greatest_priority_so_far():
    made = priorities([0.5, 5.0, 1.0])
    made.update(np.array([1]), np.array([0.25]))
    made.extend(2)
    np.testing.assert_allclose(made.values, [0.5, 0.25, 1.0, 5.0, 5.0], atol=1e-5)
    assert Priorities(2, 0, **PLAIN).values.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("count", [129, 1000, 20_000])
def test_a_tree_draws_what_one_sum_draws(monkeypatch, count):
    """The sums differ in their last digits alone, which no draw here falls between."""
    generator = np.random.default_rng(0)
    errors = generator.random(count) * (generator.random(count) < 0.3)
    drawn = {}
    for most in (128, 10**6):
        monkeypatch.setattr(module, "MOST_IN_ONE_SUM", most)
        made = priorities(errors)
        drawn[most] = [made.draw(32)[0].tolist() for _ in range(20)]
        for number in range(30):
            chosen, _ = made.draw(32)
            made.update(chosen, np.random.default_rng(number).random(32))
            drawn[most].append(chosen.tolist())
    assert drawn[128] == drawn[10**6]


@pytest.mark.parametrize("count", [5, 300, 70_000])
def test_the_last_part_of_the_sum_is_found_whatever_rounding_does(monkeypatch, count):
    monkeypatch.setattr(module, "MOST_IN_ONE_SUM", 128)
    made = priorities(np.random.default_rng(1).random(count))
    ends = np.array([0.0, 1.0, 1.0 + 1e-12]) * made._levels[-1].sum()
    assert made._find(ends).tolist() == [0, count - 1, count - 1]


@pytest.mark.parametrize("count", [7, 400])
def test_draws_are_a_function_of_seed_and_history_and_go_on_to_the_bit(monkeypatch, count):
    monkeypatch.setattr(module, "MOST_IN_ONE_SUM", 128)

    def learn(made: Priorities, batches: range) -> list:
        found = []
        for number in batches:
            chosen, weights = made.draw(16)
            made.update(chosen, np.random.default_rng(number).random(16) * 3)
            found.append((chosen.tolist(), weights.tolist()))
        return found

    np.random.seed(3)
    settings = {"exponent": 0.6, "correction": 0.4, "anneal_batches": 50}
    whole, first = priorities(np.ones(count), **settings), priorities(np.ones(count), **settings)
    expected = learn(whole, range(60))
    assert learn(first, range(25)) == expected[:25]
    resumed = priorities(np.zeros(count), **settings)
    resumed.resume(*first.state())
    assert learn(resumed, range(25, 60)) == expected[25:]
    assert [level.tobytes() for level in resumed._levels] == [level.tobytes() for level in whole._levels]
    assert resumed.greatest == whole.greatest
    assert learn(priorities(np.ones(count), seed=1, **settings), range(60)) != expected


def test_a_state_is_not_written_to_by_what_follows():
    made = priorities([1.0, 2.0])
    values, numbers = made.state()
    made.update(np.array([0]), np.array([9.0]))
    made.draw(2)
    assert values.tolist() == pytest.approx([1.0, 2.0], abs=1e-5)
    assert numbers == {"drawn": 0, "greatest": pytest.approx(2.0, abs=1e-5)}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"count": 0}, "count: expected at least one chunk to draw from, got 0"),
        ({"exponent": 1.5}, "exponent: expected from 0 to 1, got 1.5"),
        ({"correction": -0.1}, "correction: expected from 0 to 1, got -0.1"),
        ({"anneal_batches": 0}, "anneal_batches, smallest_error: expected at least 1 and above 0, got 0 and"),
        ({"smallest_error": 0.0}, "anneal_batches, smallest_error: expected at least 1 and above 0, got 1 and 0.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, sentence):
    with refused(ValueError, sentence):
        Priorities(**{"count": 3, "seed": 0, **PLAIN, **changes})


@pytest.mark.parametrize("error", [np.nan, np.inf, -1.0])
def test_errors_that_are_none_are_refused(error):
    with refused(ValueError, f"errors: expected finite numbers from 0, got [{error}]"):
        priorities([1.0, 2.0]).update(np.array([0, 1]), np.array([1.0, error]))


def test_priorities_of_other_chunks_are_refused():
    with refused(ValueError, "priorities: expected those of 2 chunks, got shape (3,)"):
        priorities([1.0, 2.0]).resume(*priorities([1.0, 2.0, 3.0]).state())


# Batches


def test_chunks_are_those_of_an_epoch_and_stay_the_same():
    dataset = chunked(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=4)
    replay = PrioritizedChunks(dataset, 3, **PLAIN)
    starts = np.cumsum([0, *LENGTHS])
    seen = set()
    for _ in range(60):
        batch, chosen, weights = replay.draw()
        for (first, length, counts_from), chunk in zip(rows_of([batch]), chosen, strict=True):
            assert (first, length) == (replay.chunks.first[chunk], replay.chunks.length[chunk])
            episode = int(np.searchsorted(starts, first, side="right")) - 1
            assert first + length <= starts[episode + 1]
            seen.update(range(first + counts_from, first + length))
        assert (weights.dtype, weights.shape, float(weights.max())) == (torch.float32, (4,), 1.0)
    assert seen == set(range(sum(LENGTHS)))  # each step counts in a chunk
    assert replay.chunks.first.tolist() != PrioritizedChunks(dataset, 4, **PLAIN).chunks.first.tolist()


def test_every_step_but_an_episodes_last_is_somewhere_followed_by_its_successor():
    replay = PrioritizedChunks(chunked(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=4), 3, **PLAIN)
    chunks = replay.chunks
    followed = {
        step
        for first, length, burn_in in zip(chunks.first, chunks.length, chunks.burn_in, strict=True)
        for step in range(first + burn_in, first + length - 1)
    }
    assert followed == set(range(sum(LENGTHS))) - {int(end) - 1 for end in np.cumsum(LENGTHS)}


def test_what_targets_look_ahead_to_is_in_the_same_chunk():
    replay = PrioritizedChunks(chunked(counting(CHOICES, LENGTHS), 7, batch_size=4, look_ahead=3), 3, **PLAIN)
    ends, chunks = np.cumsum(LENGTHS), replay.chunks
    last = chunks.first + chunks.length - 1 - chunks.look_ahead
    ahead = np.minimum(3, ends[np.searchsorted(ends, last, side="right")] - 1 - last)
    assert chunks.look_ahead.tolist() == ahead.tolist()
    assert {0, 3} <= set(ahead.tolist())


def test_a_chunk_of_which_little_was_known_comes_again():
    replay = PrioritizedChunks(chunked(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=4), 0, **PLAIN)
    replay.priorities.update(np.arange(len(replay.chunks.first)), np.zeros(len(replay.chunks.first)))
    replay.update(np.array([3, 1]), torch.tensor([2.0, 0.0], requires_grad=True))
    assert all(replay.draw()[1].tolist() == [3] * 4 for _ in range(5))


def test_the_agents_of_an_episode_share_a_priority():
    replay = PrioritizedChunks(chunked(counting(SEVERAL_CHOICES, [9] * 6), 5, 2), 0, **PLAIN)
    batch, chosen, weights = replay.draw()
    assert (len(batch.mask), len(chosen), len(weights)) == (6, 2, 2)
    replay.update(np.array([0, 1]), torch.tensor([1.0, 5.0, 2.0, 0.5, 0.0, 0.25]))
    np.testing.assert_allclose(replay.priorities.values[:2], [5.0, 0.5], rtol=1e-4)


def test_a_chunk_needs_a_step_and_its_successor_beside_the_burn_in():
    with refused(ParameterError, "training.chunk_length: expected at least 3 steps", "got 2"):
        PrioritizedChunks(chunked(counting(CHOICES, LENGTHS), chunk_length=2, batch_size=4), 0, **PLAIN)


def test_without_an_episode_there_is_nothing_to_draw():
    dataset = chunked(counting(CHOICES, [5]), chunk_length=5, batch_size=4)
    empty = type(dataset)(**vars(dataset) | {"episodes": np.zeros(0, np.int64)})
    with refused(ValueError, "count: expected at least one chunk to draw from, got 0"):
        PrioritizedChunks(empty, 0, **PLAIN)


def test_the_greatest_weight_is_one_whatever_the_size_of_the_errors():
    chosen, weights = priorities([20.0, 40.0, 80.0]).draw(70)
    np.testing.assert_allclose(weights, np.asarray([1, 0.5, 0.25])[chosen], rtol=1e-4)
