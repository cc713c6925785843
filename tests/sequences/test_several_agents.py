"""Sequences of several agents: each its own, an episode's agents beside each other in files and in batches."""

import numpy as np
import pytest

from tests.builders import SEVERAL_CHOICES, SEVERAL_VECTORS, random_episodes, refused, written_store
from understudy.errors import DataError
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import open_sequences

LENGTHS, AGENTS = [5, 9, 3, 7], 3
EVERY_SPEC = pytest.mark.parametrize("spec", [SEVERAL_CHOICES, SEVERAL_VECTORS], ids=["choices", "vectors"])


def stored(folder, spec=SEVERAL_CHOICES):
    """Four episodes, of which the second is held out; the third ends by the clock."""
    episodes = random_episodes(spec, LENGTHS, truncated=[2])
    return open_sequences(written_store(folder, spec, episodes, held_out=[1]), "train"), [episodes[0], *episodes[2:]]


@EVERY_SPEC
def test_a_sequence_is_what_one_agent_did_in_an_episode(tmp_path, spec):
    sequences, episodes = stored(tmp_path, spec)
    assert np.diff(sequences.offsets).tolist() == [5, 5, 5, 3, 3, 3, 7, 7, 7]
    assert sequences.steps.episodes["seed"].tolist() == [100] * 3 + [102] * 3 + [103] * 3
    assert sequences.steps.episodes["terminated"].tolist() == [True] * 3 + [False] * 3 + [True] * 3
    assert sequences.steps.episodes["truncated"].tolist() == [False] * 3 + [True] * 3 + [False] * 3
    finals = np.concatenate([episode.final_observation for episode in episodes])
    np.testing.assert_array_equal(sequences.steps.episodes["final_observation"], finals)
    assert (sequences.num_episodes, sequences.num_steps) == (3, 45)
    for number, episode in enumerate(episodes):
        for agent in range(AGENTS):
            first, end = sequences.offsets[AGENTS * number + agent :][:2]
            np.testing.assert_array_equal(sequences.states[first:end], episode.observations[:, agent])
            np.testing.assert_array_equal(sequences.actions[first:end], episode.actions[:, agent])
            np.testing.assert_array_equal(sequences.labels[first:end], episode.demonstrated_actions[:, agent])
            np.testing.assert_array_equal(sequences.rewards[first:end], episode.rewards[:, agent])
            to_go = np.cumsum(episode.rewards[::-1, agent], dtype=np.float64)[::-1]
            np.testing.assert_allclose(sequences.returns_to_go[first:end], to_go, atol=1e-5)


def test_scales_are_those_of_all_agents_and_changes_stay_within_a_sequence(tmp_path):
    sequences, episodes = stored(tmp_path)
    states = np.concatenate([episode.observations.reshape(-1, 3) for episode in episodes])
    changes = [
        np.concatenate([np.diff(episode.observations, order, axis=0).reshape(-1, 3) for episode in episodes])
        for order in (1, 2, 3)
    ]
    std, scales = states.std(axis=0), sequences.task.scales
    np.testing.assert_allclose(scales.state_mean, states.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(scales.state_std, std, rtol=1e-4)
    expected = [np.sqrt(np.square(of_order).mean(axis=0)) / std for of_order in changes]
    np.testing.assert_allclose(scales.difference_std, expected, rtol=1e-4)


@EVERY_SPEC
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_batch_holds_the_same_steps_of_all_agents_beside_each_other(tmp_path, spec, shuffled):
    sequences, episodes = stored(tmp_path, spec)
    task, scales = sequences.task, sequences.task.scales
    dataset = SequenceDataset(sequences, 4, 2, frozenset({"observation", "action", "agent"}))
    counted = [np.zeros((len(episode.rewards), AGENTS), int) for episode in episodes]
    for batch in dataset.shuffled(seed=1, epoch=0) if shuffled else dataset.in_order():
        assert batch.num_agents == AGENTS
        assert len(batch.mask) in (AGENTS, 2 * AGENTS)
        assert batch["agent"].view(-1, AGENTS).tolist() == [[0, 1, 2]] * (len(batch.mask) // AGENTS)
        columns = (batch["observation"], batch["action"], batch.mask)
        together = [each.unflatten(0, (-1, AGENTS)).numpy() for each in columns]
        for states, actions, mask, lengths in zip(*together, batch.seq_lens.view(-1, AGENTS).tolist(), strict=True):
            assert len(set(lengths)) == 1
            assert (mask == mask[0]).all()
            states = states * np.asarray(scales.state_std) + np.asarray(scales.state_mean)
            number, step = place_of(states[0, 0], episodes)
            steps = slice(step, step + lengths[0])
            expected = episodes[number].observations[steps].swapaxes(0, 1)
            np.testing.assert_allclose(states[:, : lengths[0]], expected, atol=1e-5)
            actions = task.unnormalize_actions(actions[:, : lengths[0]])
            np.testing.assert_allclose(actions, episodes[number].actions[steps].swapaxes(0, 1), atol=1e-6)
            counted[number][steps] += mask[:, : lengths[0]].T
    assert all((each == 1).all() for each in counted)


def place_of(state, episodes) -> tuple[int, int]:
    """The episode and the step at which the first agent saw `state`."""
    near = [np.isclose(episode.observations[:, 0], state, atol=1e-5).all(axis=1) for episode in episodes]
    [place] = [(number, int(step)) for number, found in enumerate(near) for step in np.flatnonzero(found)]
    return place


def test_returns_of_episodes_that_the_clock_ended_are_not_known(tmp_path):
    sequences, _ = stored(tmp_path)
    [batch] = SequenceDataset(sequences, 8, 9, frozenset({"observation"})).in_order()
    assert batch.value_mask.any(dim=1).tolist() == [True] * 3 + [False] * 3 + [True] * 3


def test_a_file_that_lacks_an_agent_is_refused(tmp_path):
    folder = written_store(tmp_path, SEVERAL_CHOICES, random_episodes(SEVERAL_CHOICES, LENGTHS), held_out=[1])
    text = (folder / "store.json").read_text()
    (folder / "store.json").write_text(text.replace('"num_agents": 3', '"num_agents": 2'))
    with refused(DataError, "train.arrow: expected sequences of 2 agents an episode, got 9 in all"):
        open_sequences(folder, "train")
