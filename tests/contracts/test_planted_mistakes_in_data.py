"""Numbers that cannot lie, in the data: each mistake has a check that holds, and that fails where it is planted.

A mistake is planted by exchanging the responsible function for a wrong one. What learns from the data and judges
it is in test_planted_mistakes.py.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.builders import (
    CHOICES,
    PARAMETERS,
    PARAMETERS_FILE,
    parameters_text,
    random_episodes,
    unscaled,
    written_recording,
    written_store,
)
from tests.contracts.test_planted_mistakes import FOUND, Mistake, exchange
from tests.sequences.test_dataset import LENGTHS, counting, times_counted
from tests.toys import CountingActor, CountingEnvironment
from understudy.environments.play import _Environments, _Log, play
from understudy.errors import ParameterError
from understudy.options import labels as option_labels
from understudy.options.discovery import OptionModel
from understudy.params import whole as parameters
from understudy.rollouts.parquet import read_recording
from understudy.sequences import build, dataset, splits
from understudy.sequences.dataset import Chunks, SequenceDataset
from understudy.sequences.normalise import ScaleSums
from understudy.sequences.store import open_sequences

EPISODES = random_episodes(CHOICES, LENGTHS, truncated=[1, 3])
FAR_AWAY = [replace(EPISODES[0], observations=EPISODES[0].observations + 1000), *EPISODES[1:]]
COLUMNS = frozenset({"observation"})
OPTIONS = np.random.default_rng(0).integers(3, size=sum(LENGTHS)).astype(np.int16)


def overlapping_seeds_are_refused(folder):
    """Parameters that evaluate on the last demonstration's seed are refused."""
    rollouts = PARAMETERS["rollouts"]
    last = rollouts["first_seed"] + rollouts["episodes"] - 1
    (folder / "params.yaml").write_text(parameters_text({"evaluation.first_seed": str(last)}), encoding="utf-8")
    try:
        loaded = parameters.load_params(folder / "params.yaml")
    except ParameterError as error:
        assert "evaluation.first_seed: expected seeds that rollouts.first_seed does not use, got 1 shared" in str(error)
        return
    assert not set(loaded.evaluation.seeds) & set(loaded.rollouts.seeds)


def no_seed_has_two_uses(_):
    """The expert's training, the demonstrations and the evaluation play on seeds of their own, and on those alone."""
    loaded = parameters.load_params(PARAMETERS_FILE)
    users = [loaded.expert.seeds, loaded.rollouts.seeds, loaded.evaluation.seeds]
    assert len(set().union(*users)) == sum(map(len, users))
    for seeds in users:
        environments = [CountingEnvironment() for _ in range(3)]
        episodes = play(CountingActor(), environments, seeds[:8])
        assert sorted(seed for each in environments for seed in each.seeds) == list(seeds[:8])
        assert [int(episode.observations[0, 0]) for episode in episodes] == list(seeds[:8])


def scales_ignore_what_is_held_out(folder):
    """The scales are those of the training episodes, however far away the held-out one is."""
    store = open_sequences(written_store(folder, CHOICES, FAR_AWAY, held_out=[0]), "train")
    seen = np.concatenate([episode.observations for episode in EPISODES[1:]])
    np.testing.assert_allclose(store.task.scales.state_mean, seen.mean(0), atol=1e-5)
    np.testing.assert_allclose(store.task.scales.state_std, seen.std(0), rtol=1e-4)


def no_episode_is_on_both_sides(_):
    """Training and held-out episodes share none, and leave none out."""
    for count in (2, 3, 10, 57):
        training, held_out = splits.split_episodes(count, 0.2, None, seed=count)
        assert sorted([*training, *held_out]) == list(range(count))
        training, held_out = splits.split_episodes(count, 0.2, 1, seed=count)
        assert len(training) == 1
        assert not set(training) & set(held_out)


def every_step_counts_once(_):
    """In an epoch, and where predictions are judged, every step of every episode counts exactly once."""
    for burn_in in (1, 3):
        batches = SequenceDataset(counting(CHOICES, LENGTHS), 7, 4, COLUMNS, burn_in)
        assert times_counted(batches.in_order(), sum(LENGTHS)) == [1] * sum(LENGTHS)
        for epoch in range(5):
            assert times_counted(batches.shuffled(0, epoch), sum(LENGTHS)) == [1] * sum(LENGTHS)


def an_ending_by_the_clock_is_no_ending(folder):
    """From the environment to the batch: values are learned where the return is complete, and nowhere else."""
    endings = ["terminated", "truncated", "both", "terminated"]
    episodes = [play(CountingActor(), [CountingEnvironment(end)], [seed])[0] for seed, end in enumerate(endings)]
    assert [(each.terminated, each.truncated) for each in episodes] == [(1, 0), (0, 1), (1, 1), (1, 0)]
    spec = replace(CHOICES, components=("seed", "step"), num_actions=5)
    store = open_sequences(written_store(folder, spec, episodes, held_out=[3]), "train")
    store = replace(store, interface=unscaled(spec))
    for batch in SequenceDataset(store, 3, 2, COLUMNS).in_order():
        complete = batch["observation"][:, 0, 0] == 0  # the seed of the only one that was terminated alone
        np.testing.assert_array_equal(batch.value_mask, batch.mask & complete[:, None])


def an_episode_has_its_last_step(folder):
    """Rewards, actions and observations reach to the very step at which the environment said that it was over."""
    environments = [CountingEnvironment() for _ in range(2)]
    played = play(CountingActor(), environments, [4, 5, 6, 7])
    spec = replace(CHOICES, components=("seed", "step"), num_actions=5)
    episodes = list(read_recording(written_recording(folder / "raw", spec, played)).as_episodes())
    assert len(episodes) == 4
    for seed, episode in zip([4, 5, 6, 7], episodes, strict=True):
        length = 2 + seed % 4
        assert episode.rewards.tolist() == list(range(1, length + 1))
        assert episode.observations.tolist() == [[seed, step] for step in range(length)]
        assert episode.actions.tolist() == [step % 5 for step in range(length)]
        assert episode.final_observation.tolist() == [seed, length]


def labels_stay_with_their_steps(folder):
    """An option found at a step is that step's in the batch; it begins after another, or with an episode."""
    store = counting(CHOICES, LENGTHS)
    found = OptionModel(SimpleNamespace(predict=lambda *_: OPTIONS)).label(store)
    option_labels.write_labels(folder, store.sha256, 3, {"train": found})
    begins = np.isin(np.arange(len(OPTIONS)), store.offsets) | (OPTIONS != np.roll(OPTIONS, 1))
    labelled = option_labels.with_labels(store, folder, "train")
    for batch in SequenceDataset(labelled, 7, 4, COLUMNS | {"option", "termination"}).in_order():
        steps = batch["observation"][..., 0][batch.mask].long().numpy()
        np.testing.assert_array_equal(batch["option"][batch.mask], OPTIONS[steps])
        np.testing.assert_array_equal(batch["termination"][batch.mask], begins[steps])


def returns_are_those_still_to_come(folder):
    """The target of the value at a step is the reward from there to the episode's end, added up backwards."""
    store = open_sequences(written_store(folder, CHOICES, EPISODES, held_out=[2]), "train")
    expected = []
    for episode in EPISODES[:2] + EPISODES[3:]:
        to_go = [0.0]
        for reward in episode.rewards[::-1].tolist():
            to_go.append(to_go[-1] + reward)
        expected += to_go[:0:-1]
    np.testing.assert_allclose(store.returns_to_go, expected, rtol=1e-5, atol=1e-5)


def without_a_check_of_seeds(patch):
    class Unchecked(parameters.Params):
        @parameters.model_validator(mode="after")
        def _seeds_are_disjoint(self):
            return self

    patch.setattr(parameters, "Params", Unchecked)


def evaluating_on_demonstrations(patch):
    without_a_check_of_seeds(patch)
    patch.setattr(parameters.EvaluationParams, "seeds", parameters.load_params(PARAMETERS_FILE).rollouts.seeds)


def a_seed_late(begin):
    def wrong(rows, free):
        waiting, taken = rows.waiting, []
        rows.waiting = (taken.append(seed + 1) or seed + 1 for seed in waiting)
        begin(rows, free)
        rows.waiting = waiting
        rows.seeds[np.isin(rows.seeds, taken)] -= 1

    return wrong


def of_all_episodes(measure):
    sums, states = ScaleSums(3), np.concatenate([episode.observations for episode in FAR_AWAY])
    sums.add(states, states[:, 0], np.zeros(len(states), bool))
    return lambda _, environment: measure(sums, environment)


def training_on_all(split):
    return lambda count, *others, seed: (np.arange(count), split(count, *others, seed)[1])


def without_burn_in(gather):
    return lambda store, chunks, *rest: gather(store, replace(chunks, burn_in=0 * chunks.burn_in), *rest)


def without_the_last_batch(batches):
    return lambda *parts: list(batches(*parts))[:-1]


def an_episode_twice(cut):
    def wrong(self, offsets):
        chunks = cut(self, offsets)
        doubled = np.append(np.arange(len(chunks.first)), np.flatnonzero(chunks.sequence == 2))
        return Chunks(
            *(getattr(chunks, name)[doubled] for name in ("first", "length", "burn_in", "look_ahead", "sequence"))
        )

    return wrong


def without_the_last_step(cut):
    def wrong(self, offsets):
        chunks = cut(self, offsets)
        last = np.append(chunks.sequence[1:] != chunks.sequence[:-1], True)
        return replace(chunks, length=chunks.length - last * (chunks.length > chunks.burn_in + 1))

    return wrong


def all_truncated(value):
    def plant(gather):
        def wrong(store, *rest):
            store.steps.episodes["truncated"] = np.full(len(store.offsets) - 1, value)
            return gather(store, *rest)

        return wrong

    return plant


def one_flag(step):
    def wrong(rows, actions):
        rewards, ended = step(rows, actions)
        return rewards, {row: (any(flags), False) for row, flags in ended.items()}

    return wrong


def a_step_short(cut):
    return lambda log, row: {name: column[:-1] for name, column in cut(log, row).items()}


def seeing_what_follows(cut):
    def wrong(log, row):
        columns = cut(log, row)
        return columns | {"observations": np.roll(columns["observations"], -1, axis=0)}

    return wrong


def a_step_late(write):
    def wrong(folder, sha256, count, found):
        write(folder, sha256, count, {split: [np.roll(each, 1) for each in both] for split, both in found.items()})

    return wrong


def a_step_early(label):
    def wrong(model, store):
        options, terminations = label(model, store)
        return options, np.roll(terminations, -1)

    return wrong


def from_each_start(_):
    def wrong(rewards, offsets):
        total = np.cumsum(rewards)
        return total - np.repeat(np.append(0, total)[offsets[:-1]], np.diff(offsets))

    return wrong


def over_borders(_):
    return lambda rewards, offsets: np.cumsum(rewards[::-1])[::-1]


def without_the_present(to_go):
    return lambda rewards, offsets: to_go(rewards, offsets) - rewards


own_seeds, scales, once = no_seed_has_two_uses, scales_ignore_what_is_held_out, every_step_counts_once
clock, whole, labels = an_ending_by_the_clock_is_no_ending, an_episode_has_its_last_step, labels_stay_with_their_steps
apart, to_come = no_episode_is_on_both_sides, returns_are_those_still_to_come
MISTAKES = [
    Mistake("seeds are not checked", overlapping_seeds_are_refused, without_a_check_of_seeds),
    Mistake("evaluation plays demonstrated seeds", own_seeds, evaluating_on_demonstrations),
    Mistake("an episode plays another seed than it says", own_seeds, exchange(_Environments, "begin", a_seed_late)),
    Mistake("scales are of held-out episodes too", scales, exchange(ScaleSums, "scales", of_all_episodes)),
    Mistake("held-out episodes train", apart, exchange(splits, "split_episodes", training_on_all)),
    Mistake("a chunk's burn-in counts again", once, exchange(dataset, "gather", without_burn_in)),
    Mistake("an epoch lacks its last batch", once, exchange(SequenceDataset, "_batches", without_the_last_batch)),
    Mistake("an episode counts twice", once, exchange(SequenceDataset, "cut", an_episode_twice)),
    Mistake("batches lack an episode's last step", once, exchange(SequenceDataset, "cut", without_the_last_step)),
    Mistake("truncation is forgotten", clock, exchange(dataset, "gather", all_truncated(False))),
    Mistake("termination counts as truncation", clock, exchange(dataset, "gather", all_truncated(True))),
    Mistake("both flags are merged into one", clock, exchange(_Environments, "step", one_flag)),
    Mistake("an episode lacks its last step", whole, exchange(_Log, "cut", a_step_short)),
    Mistake("observations are a step late", whole, exchange(_Log, "cut", seeing_what_follows)),
    Mistake("labels are written a step late", labels, exchange(option_labels, "write_labels", a_step_late)),
    Mistake("options end a step early", labels, exchange(OptionModel, "label", a_step_early)),
    Mistake("returns are of the past", to_come, exchange(build, "returns_to_go", from_each_start)),
    Mistake("returns reach into other episodes", to_come, exchange(build, "returns_to_go", over_borders)),
    Mistake("returns leave the present reward out", to_come, exchange(build, "returns_to_go", without_the_present)),
]
CHECKS = list(dict.fromkeys(mistake.check for mistake in MISTAKES))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_holds(check, tmp_path):
    check(tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_planted_mistake_is_found(mistake, tmp_path, monkeypatch):
    mistake.plant(monkeypatch)
    with pytest.raises(FOUND):
        mistake.check(tmp_path)
