"""Sequences in memory are read like those of the file that the same episodes would make."""

import numpy as np
import pytest

from tests.builders import CHOICES, SEVERAL_CHOICES, SEVERAL_VECTORS, VECTORS, random_episodes, written_store
from understudy.sequences.batch import Batch
from understudy.sequences.columns import BATCH_COLUMNS, LABEL_COLUMNS
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.growing import FIRST_ROOM, growing
from understudy.sequences.prioritized import PrioritizedChunks
from understudy.sequences.store import open_sequences

COLUMNS = frozenset(BATCH_COLUMNS) - frozenset(LABEL_COLUMNS)
PLAIN = {"exponent": 0.0, "correction": 0.0, "anneal_batches": 1, "smallest_error": 1.0}


def assert_same(one: Batch, other: Batch) -> None:
    for name in COLUMNS:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    for name in ("seq_lens", "mask", "value_mask"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("spec", [CHOICES, VECTORS, SEVERAL_CHOICES, SEVERAL_VECTORS])
@pytest.mark.parametrize("hidden", [(), ("y",)])
def test_batches_are_those_of_a_file(tmp_path, spec, hidden) -> None:
    """One long episode makes the room double; episodes come in two goes."""
    episodes = random_episodes(spec, [9, 1, 30, 260, 5], truncated=[2])
    store = written_store(tmp_path, spec, episodes, held_out=(0,), hidden=hidden)
    mapped = open_sequences(store, "train")
    grown, split = growing(mapped.interface, mapped.sha256)
    for part in (episodes[1:3], episodes[3:]):
        split.append(part)
    assert (grown.num_episodes, grown.num_steps) == (mapped.num_episodes, mapped.num_steps)
    batches = [list(SequenceDataset(each, 8, 16, COLUMNS).in_order()) for each in (grown, mapped)]
    for one, other in zip(*batches, strict=True):
        assert_same(one, other)
    np.testing.assert_array_equal(grown.returns_to_go, mapped.returns_to_go)


def test_there_is_room_for_more_steps_than_at_first(tmp_path) -> None:
    episodes = random_episodes(CHOICES, [FIRST_ROOM - 1, 7, 2 * FIRST_ROOM])
    mapped = open_sequences(written_store(tmp_path, CHOICES, episodes, held_out=(1,)), "train")
    grown, split = growing(mapped.interface, mapped.sha256)
    split.append(episodes[:1])
    split.append(episodes[2:])
    for name, values in mapped.steps.columns.items():
        np.testing.assert_array_equal(grown.steps.columns[name], values, err_msg=name)


def test_chunks_of_new_episodes_come_after_those_that_were_there(tmp_path) -> None:
    """They are a function of the seed and of which episodes come together, and are drawn as often as the worst so far."""
    episodes = random_episodes(CHOICES, [20, 30, 25, 9])
    mapped = open_sequences(written_store(tmp_path, CHOICES, episodes), "train")

    def grown_chunks(seed: int) -> PrioritizedChunks:
        sequences, split = growing(mapped.interface, mapped.sha256)
        split.append(episodes[:2])
        chunks = PrioritizedChunks(SequenceDataset(sequences, 6, 4, COLUMNS), seed, **PLAIN)
        before = chunks.chunks.first.copy()
        chunks.priorities.update(np.array([0]), np.array([6.0]))
        split.append(episodes[2:])
        chunks.extend()
        assert chunks.chunks.first[: len(before)].tolist() == before.tolist()
        assert (chunks.chunks.first[len(before) :] >= 50).all()
        return chunks

    one, same, other = grown_chunks(0), grown_chunks(0), grown_chunks(1)
    assert one.chunks.first.tolist() == same.chunks.first.tolist() != other.chunks.first.tolist()
    counted = one.chunks.length - one.chunks.burn_in
    # Each step once, and a chunk's last in the next one of its episode as well.
    assert counted.sum() == 84 + len(counted) - 4
    assert len(one.priorities.values) == len(one.chunks.first)
    batch, chosen, _ = one.draw()
    assert batch["observation"].shape == (4, 6, 3) and (chosen < len(one.chunks.first)).all()


def test_episodes_are_numbered_on_from_those_that_are_there(tmp_path) -> None:
    episodes = random_episodes(CHOICES, [3, 2, 4])
    store = written_store(tmp_path, CHOICES, random_episodes(CHOICES, [3, 3]), held_out=(0,))
    mapped = open_sequences(store, "train")
    _, split = growing(mapped.interface, mapped.sha256)
    for each in episodes:
        split.append([each])
    assert split.episodes["episode"].tolist() == [0, 1, 2]
