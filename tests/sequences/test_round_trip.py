"""From episodes to recording, to sequences, to batches: what comes out is what went in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CHOICES, VECTORS, examples, random_episodes, written_store
from understudy.episode import Episode
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.splits import split_episodes
from understudy.sequences.store import Sequences, open_sequences


def assert_batches_hold(sequences: Sequences, batches, episodes: list[Episode], visible: list[int]) -> None:
    """Hold that the steps that count, put in order, are those of `episodes`."""
    scales, parts = sequences.normalisation, []
    for batch in batches:
        mask = batch.mask.numpy()
        states = batch.states.numpy()[mask] * np.float64(scales.state_std) + np.float64(scales.state_mean)
        to_go = batch.returns_to_go.numpy()[mask] * scales.return_std + scales.return_mean
        parts.append((states, batch.actions.numpy()[mask], batch.labels.numpy()[mask], to_go))
    states, actions, labels, to_go = (np.concatenate(values) for values in zip(*parts, strict=True))
    expected = np.concatenate([episode.observations for episode in episodes])[:, visible]
    np.testing.assert_allclose(states, expected, atol=1e-5)
    np.testing.assert_array_equal(actions, np.concatenate([episode.actions for episode in episodes]))
    np.testing.assert_array_equal(labels, np.concatenate([episode.demonstrated_actions for episode in episodes]))
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
        batches = list(SequenceDataset(sequences, chunk, batch_size=3).in_order())
        assert_batches_hold(sequences, batches, [episodes[number] for number in numbers], visible)
        known = sum(int(batch.value_mask.sum()) for batch in batches)
        assert known == sum(episodes[number].length for number in numbers if episodes[number].terminated)
