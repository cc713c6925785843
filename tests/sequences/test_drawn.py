"""A few demonstrations out of many: the same as a store that was built of them alone."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import CHOICES, SEVERAL_CHOICES, VECTORS, random_episodes, refused, written_store
from tests.mixed import WIDE
from understudy.errors import ParameterError
from understudy.options.labels import labelled
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.drawn import draw_demonstrations, with_interface
from understudy.sequences.mixture import SequenceMixture
from understudy.sequences.store import open_sequences

LENGTHS = [4, 1, 9, 3, 7, 2, 5]
COLUMNS = frozenset({"observation", "action", "label", "reward", "return_to_go", "terminated", "truncated"}) | {
    "final_observation"
}


def opened(folder, spec, held_out=(0,)):
    episodes = random_episodes(spec, LENGTHS, truncated=[2])
    return open_sequences(written_store(folder, spec, episodes, held_out=held_out), "train")


@pytest.mark.parametrize("spec", [CHOICES, VECTORS, SEVERAL_CHOICES])
def test_they_are_those_of_a_store_without_the_others(tmp_path, spec):
    all_of_them = opened(tmp_path / "all", spec)
    few = draw_demonstrations(all_of_them, 3, 0, "policies.p")
    others = np.setdiff1d(np.arange(len(LENGTHS)), few.steps.episodes["episode"])
    alone = opened(tmp_path / "alone", spec, held_out=others)
    assert few.num_episodes == 3 and few.sha256 == all_of_them.sha256
    for name in ("states", "actions", "labels", "rewards", "returns_to_go", "offsets"):
        np.testing.assert_array_equal(getattr(few, name), getattr(alone, name))
    assert few.task.environment == alone.task.environment
    for name in ("state_mean", "state_std", "difference_std", "return_mean", "return_std"):
        expected = getattr(alone.task.scales, name)
        np.testing.assert_allclose(getattr(few.task.scales, name), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(few.task.return_quantiles, alone.task.return_quantiles, atol=1e-6)
    in_same_units = with_interface(few, alone.interface)
    datasets = [SequenceDataset(each, 4, 2, COLUMNS) for each in (in_same_units, alone)]
    for own, expected in zip(*(each.shuffled(5, 1) for each in datasets), strict=True):
        assert (own.mask == expected.mask).all() and (own.value_mask == expected.value_mask).all()
        for name in COLUMNS:
            np.testing.assert_array_equal(own[name], expected[name])


def test_fewer_are_among_more_and_another_seed_draws_others(tmp_path):
    store = opened(tmp_path, CHOICES)

    def drawn(count, seed):
        return set(draw_demonstrations(store, count, seed, "p").steps.episodes["episode"].tolist())

    assert drawn(1, 0) < drawn(2, 0) < drawn(5, 0)
    assert len({frozenset(drawn(2, seed)) for seed in range(6)}) > 1
    assert drawn(6, 3) == {1, 2, 3, 4, 5, 6}


def test_labels_go_with_their_steps(tmp_path):
    store = opened(tmp_path, CHOICES)
    options = np.repeat(np.arange(store.num_sequences), np.diff(store.offsets)).astype(np.int16)
    few = draw_demonstrations(labelled(store, options, options > 2, 6), 2, 1, "p")
    chosen = np.flatnonzero(np.isin(store.steps.episodes["episode"], few.steps.episodes["episode"]))
    np.testing.assert_array_equal(few.labels_of_steps["option"], np.repeat(chosen, np.diff(few.offsets)))
    assert few.task.num_options == 6


def test_of_several_tasks_there_are_so_many_of_each(tmp_path):
    parts = tuple(opened(tmp_path / name, spec) for name, spec in (("small", CHOICES), ("wide", WIDE)))
    mixture = SequenceMixture(("small", "wide"), parts, (1.0, 3.0), "0" * 64)
    few = draw_demonstrations(mixture, 2, 0, "p")
    assert [part.num_episodes for part in few.parts] == [2, 2]
    assert few.weights == mixture.weights and few.interface != mixture.interface
    assert with_interface(few, mixture.interface).interface == mixture.interface


def test_a_store_in_other_units_has_the_same_steps(tmp_path):
    store = opened(tmp_path, VECTORS)
    other = replace(store.task, scales=replace(store.task.scales, state_mean=(1.0, 2.0, 3.0)))
    moved = with_interface(store, replace(store.interface, tasks=(other,)))
    np.testing.assert_array_equal(moved.states, store.states)
    assert moved.task == other


def test_more_than_there_are_are_refused(tmp_path):
    with refused(ParameterError, "policies.p.demonstrations: expected at most 6, the training episodes, got 7"):
        draw_demonstrations(opened(tmp_path, CHOICES), 7, 0, "policies.p")
