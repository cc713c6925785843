"""Chunks of episodes.

The states count: component 0 is the step's number in the store, component 1 the step's number in its episode. So every
row of a batch says by itself which steps it holds, and is compared with naive slices of the store.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHOICES, SPECS, by_hand, examples, random_actions, refused
from understudy.sequences import dataset as module
from understudy.sequences.dataset import SequenceDataset, gather
from understudy.sequences.normalise import Normalisation
from understudy.sequences.store import Sequences

LENGTHS = [9, 1, 4, 30, 2]


def counting(spec, lengths, truncated=(), **others) -> Sequences:
    """Sequences whose states count and whose actions, labels and returns are drawn apart."""
    generator = np.random.default_rng(len(lengths))
    total = sum(lengths)
    in_episode = np.concatenate([np.arange(length) for length in lengths])
    return by_hand(
        spec,
        np.stack([np.arange(total), in_episode, np.full(total, 5)], axis=1),
        random_actions(spec, generator, total),
        lengths,
        truncated=truncated,
        actions=random_actions(spec, generator, total).astype(np.float32),
        returns_to_go=generator.normal(size=total).astype(np.float32),
        **others,
    )


def rows_of(batches) -> list[tuple]:
    """Each row as (first step in the store, real steps, first step that counts)."""
    found = []
    for batch in batches:
        for states, length, mask in zip(batch.states, batch.seq_lens, batch.mask, strict=True):
            found.append((int(states[0, 0]), int(length), int(torch.nonzero(mask)[0])))
    return found


def times_counted(batches, total: int) -> list[int]:
    counted = [batch.states[..., 0][batch.mask].long() for batch in batches]
    return torch.bincount(torch.cat(counted), minlength=total).tolist()


EPISODES = st.lists(st.integers(1, 25), min_size=1, max_size=8)


@examples(150)
@given(lengths=EPISODES, chunk=st.integers(2, 30), lead=st.integers(1, 8), seed=st.integers(0, 2**31 - 1))
def test_in_each_epoch_every_step_counts_once(lengths, chunk, lead, seed):
    dataset = SequenceDataset(counting(CHOICES, lengths), chunk, batch_size=4, lead=min(lead, chunk - 1))
    once = [1] * sum(lengths)
    assert times_counted(dataset.shuffled(seed, epoch=3), sum(lengths)) == once
    assert times_counted(dataset.in_order(), sum(lengths)) == once


@examples(100)
@given(lengths=EPISODES, chunk=st.integers(2, 30), lead=st.integers(1, 8), seed=st.integers(0, 2**31 - 1))
def test_a_row_stays_in_its_episode_and_sees_the_lead(lengths, chunk, lead, seed):
    lead = min(lead, chunk - 1)
    dataset = SequenceDataset(counting(CHOICES, lengths), chunk, batch_size=4, lead=lead)
    starts = np.cumsum([0, *lengths])
    for first, length, counts_from in rows_of(dataset.shuffled(seed, epoch=0)):
        episode = int(np.searchsorted(starts, first, side="right")) - 1
        assert 1 <= length <= chunk
        assert first + length <= starts[episode + 1]
        # Context is the `lead` steps before the first that counts, or as many as the episode has there.
        assert counts_from == min(lead, first + counts_from - starts[episode])


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("lead", [1, 3])
def test_rows_are_slices_of_the_store(spec, lead):
    store = counting(spec, LENGTHS)
    dataset = SequenceDataset(store, chunk_length=7, batch_size=4, lead=lead)
    for batch in dataset.shuffled(seed=1, epoch=2):
        for row, length in enumerate(batch.seq_lens.tolist()):
            first = int(batch.states[row, 0, 0])
            steps = slice(first, first + length)
            np.testing.assert_array_equal(batch.states[row, :length], store.states[steps])
            np.testing.assert_array_equal(batch.actions[row, :length], store.actions[steps])
            np.testing.assert_array_equal(batch.labels[row, :length], store.labels[steps])
            np.testing.assert_array_equal(batch.returns_to_go[row, :length], store.returns_to_go[steps])


@pytest.mark.parametrize("spec", SPECS)
def test_shapes_and_types_of_a_batch(spec):
    batch = next(SequenceDataset(counting(spec, LENGTHS), chunk_length=7, batch_size=4).shuffled(seed=1, epoch=0))
    entries = () if spec.discrete_actions else (2,)
    assert (batch.states.shape, batch.states.dtype) == ((4, 7, 3), torch.float32)
    assert batch.actions.shape == batch.labels.shape == (4, 7, *entries)
    assert batch.actions.dtype == batch.labels.dtype == (torch.int64 if spec.discrete_actions else torch.float32)
    assert (batch.returns_to_go.shape, batch.returns_to_go.dtype) == ((4, 7), torch.float32)
    assert (batch.seq_lens.shape, batch.seq_lens.dtype) == ((4,), torch.int64)
    assert (batch.mask.dtype, batch.value_mask.dtype) == (torch.bool, torch.bool)
    assert (batch.options, batch.terminations) == (None, None)


def test_in_order_the_chunks_follow_one_another():
    dataset = SequenceDataset(counting(CHOICES, [5, 1, 4]), chunk_length=4, batch_size=10)
    # Strides of three steps; each chunk but an episode's first begins one step early and does not count it.
    assert rows_of(dataset.in_order()) == [(0, 3, 0), (2, 3, 1), (5, 1, 0), (6, 3, 0), (8, 2, 1)]


def test_in_order_with_a_longer_lead():
    dataset = SequenceDataset(counting(CHOICES, [7]), chunk_length=5, batch_size=10, lead=3)
    assert rows_of(dataset.in_order()) == [(0, 2, 0), (0, 4, 2), (1, 5, 3), (3, 4, 3)]


def test_padding_is_masked():
    batch = next(SequenceDataset(counting(CHOICES, [5, 1, 4]), chunk_length=4, batch_size=10).in_order())
    expected = ["1110", "0110", "1000", "1110", "0100"]
    assert ["".join(str(int(step)) for step in row) for row in batch.mask] == expected
    assert batch.seq_lens.tolist() == [3, 3, 1, 3, 2]


def test_a_chunk_longer_than_every_episode_holds_it_whole():
    dataset = SequenceDataset(counting(CHOICES, [3, 1, 5]), chunk_length=64, batch_size=10)
    assert rows_of(dataset.in_order()) == [(0, 3, 0), (3, 1, 0), (4, 5, 0)]
    assert times_counted(dataset.shuffled(seed=0, epoch=0), 9) == [1] * 9


def test_values_of_truncated_episodes_are_not_known():
    dataset = SequenceDataset(counting(CHOICES, [5, 1, 4], truncated=[1, 2]), chunk_length=4, batch_size=10)
    batch = next(dataset.in_order())
    expected = ["1110", "0110", "0000", "0000", "0000"]
    assert ["".join(str(int(step)) for step in row) for row in batch.value_mask] == expected
    assert batch.mask.sum() == 10


@pytest.mark.parametrize(("batch_size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (1, [1] * 5), (8, [5])])
def test_the_last_batch_holds_what_is_left(batch_size, sizes):
    dataset = SequenceDataset(counting(CHOICES, [5, 1, 4]), chunk_length=4, batch_size=batch_size)
    assert [len(batch.states) for batch in dataset.in_order()] == sizes


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("steps", "rows_read"), [(39, [6, 6, 2]), (40, [8, 6]), (10**6, [14])])
def test_batches_read_together_are_those_read_alone(monkeypatch, spec, steps, rows_read):
    sizes, numbers = [], np.arange(sum(LENGTHS))
    options = {"options": numbers.astype(np.int16), "terminations": numbers % 3 == 0}
    dataset = SequenceDataset(counting(spec, LENGTHS, truncated=[1], **options), chunk_length=5, batch_size=2)
    monkeypatch.setattr(module, "gather", lambda *parts: sizes.append(len(parts[1].first)) or gather(*parts))
    batches = {}
    for most in (1, steps):
        monkeypatch.setattr(module, "STEPS_READ_AT_ONCE", most)
        batches[most] = list(dataset.in_order())
    assert sizes == [2] * 7 + rows_read
    for alone, together in zip(batches[1], batches[steps], strict=True):
        assert alone.tensors().keys() == together.tensors().keys() >= {"options", "terminations"}
        for name, tensor in alone.tensors().items():
            assert torch.equal(tensor, together.tensors()[name]), name


def test_order_is_a_function_of_seed_and_epoch():
    dataset = SequenceDataset(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=3)
    orders = {(seed, epoch): rows_of(dataset.shuffled(seed, epoch)) for seed in range(3) for epoch in range(3)}
    np.random.seed(7)
    torch.manual_seed(7)
    another = SequenceDataset(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=3)
    for (seed, epoch), order in reversed(orders.items()):
        assert rows_of(another.shuffled(seed, epoch)) == order
    assert len(set(map(tuple, orders.values()))) == 9


def test_the_order_leaves_the_global_generators_alone():
    numpy_state, torch_state = np.random.get_state(), torch.random.get_rng_state()
    list(SequenceDataset(counting(CHOICES, LENGTHS), chunk_length=5, batch_size=3).shuffled(seed=1, epoch=1))
    np.testing.assert_equal(np.random.get_state(), numpy_state)
    assert torch.equal(torch.random.get_rng_state(), torch_state)


def test_chunks_are_cut_at_other_places_in_each_epoch():
    dataset = SequenceDataset(counting(CHOICES, [30]), chunk_length=6, batch_size=100)
    places = {min(first for first, _, counts in rows_of(dataset.shuffled(0, epoch)) if counts) for epoch in range(60)}
    # The first cut is after 1 to 5 steps; the chunk behind it begins a step earlier.
    assert places == {0, 1, 2, 3, 4}


def test_states_and_returns_are_normalised():
    scales = Normalisation((1.0, 2.0, 5.0), (2.0, 0.5, 1.0), (1.0, 1.0, 1.0), 3.0, 4.0)
    store = counting(CHOICES, [4], normalisation=scales)
    batch = next(SequenceDataset(store, chunk_length=5, batch_size=1).in_order())
    assert batch.states[0, :4].tolist() == [[(t - 1) / 2, (t - 2) * 2, 0.0] for t in range(4)]
    np.testing.assert_allclose(batch.returns_to_go[0, :4], (store.returns_to_go - 3) / 4, rtol=1e-6)


def test_options_and_terminations_come_along():
    options = np.array([2, 2, 0, 1, 1, 1], dtype=np.int16)
    terminations = np.array([1, 0, 1, 1, 0, 0], dtype=bool)
    store = counting(CHOICES, [4, 2], options=options, terminations=terminations, num_options=3)
    batch = next(SequenceDataset(store, chunk_length=3, batch_size=9).in_order())
    assert (batch.options.dtype, batch.terminations.dtype) == (torch.int64, torch.bool)
    for row, (first, length, _) in enumerate(rows_of([batch])):
        assert batch.options[row, :length].tolist() == options[first : first + length].tolist()
        assert batch.terminations[row, :length].tolist() == terminations[first : first + length].tolist()


@pytest.mark.parametrize("lead", [0, 4, 9])
def test_a_lead_that_leaves_nothing_to_count_is_refused(lead):
    with refused(ValueError, "lead: expected from 1 to 3 steps", f"got {lead}"):
        SequenceDataset(counting(CHOICES, [4]), chunk_length=4, batch_size=1, lead=lead)
