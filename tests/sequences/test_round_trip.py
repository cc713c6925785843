"""From episodes to recording, to sequences, to batches: what comes out is what went in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHOICES, VECTORS, examples, random_episodes, written_store
from understudy.episode import Episode
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.splits import split_episodes
from understudy.sequences.store import Sequences, open_sequences

COLUMNS = frozenset({"observation", "action", "label", "reward", "return_to_go", "terminated"})


def assert_batches_hold(sequences: Sequences, batches, episodes: list[Episode], visible: list[int]) -> None:
    """Hold that the steps that count, put in order, are those of `episodes`."""
    task, scales, parts = sequences.task, sequences.task.scales, []
    for batch in batches:
        mask = batch.mask.numpy()
        counted = {name: column.numpy()[mask] for name, column in batch.columns.items()}
        states = counted["observation"] * np.float64(scales.state_std) + np.float64(scales.state_mean)
        actions, labels = (task.unnormalize_actions(counted[name]) for name in ("action", "label"))
        to_go = counted["return_to_go"] * scales.return_std + scales.return_mean
        parts.append((states, actions, labels, counted["reward"], counted["terminated"], to_go))
    states, actions, labels, rewards, ends, to_go = (np.concatenate(values) for values in zip(*parts, strict=True))
    expected = np.concatenate([episode.observations for episode in episodes])[:, visible]
    np.testing.assert_allclose(states, expected, atol=1e-5)
    # Vectors go through their scales, which costs a digit.
    np.testing.assert_allclose(actions, np.concatenate([episode.actions for episode in episodes]), atol=1e-6)
    np.testing.assert_allclose(
        labels, np.concatenate([episode.demonstrated_actions for episode in episodes]), atol=1e-6
    )
    np.testing.assert_array_equal(rewards, np.concatenate([episode.rewards for episode in episodes]))
    last = [step == episode.length - 1 and episode.terminated for episode in episodes for step in range(episode.length)]
    assert ends.tolist() == last
    naive = [sum(episode.rewards[step:].tolist()) for episode in episodes for step in range(episode.length)]
    np.testing.assert_allclose(to_go, naive, atol=1e-4)


@examples(40)
@given(
    spec=st.sampled_from([CHOICES, VECTORS]),
    lengths=st.lists(st.integers(1, 15), min_size=2, max_size=8),
    seed=st.integers(0, 1000),
    hidden=st.sampled_from([(), ("x",), ("z", "y")]),
    chunk=st.integers(2, 20),
)
def test_batches_hold_what_was_recorded(tmp_path_factory, spec, lengths, seed, hidden, chunk):
    episodes = random_episodes(spec, lengths, truncated=range(0, len(lengths), 2))
    training, held_out = split_episodes(len(lengths), 0.3, None, seed)
    store = written_store(tmp_path_factory.mktemp("store"), spec, episodes, held_out=held_out, hidden=hidden)
    visible = [index for index, name in enumerate(spec.components) if name not in hidden]
    for split, numbers in (("train", training), ("validation", held_out)):
        sequences = open_sequences(store, split)
        batches = list(SequenceDataset(sequences, chunk, 3, COLUMNS).in_order())
        assert_batches_hold(sequences, batches, [episodes[number] for number in numbers], visible)
        known = sum(int(batch.value_mask.sum()) for batch in batches)
        assert known == sum(episodes[number].length for number in numbers if episodes[number].terminated)
