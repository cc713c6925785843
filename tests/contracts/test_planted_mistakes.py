"""Numbers that cannot lie: each classical mistake has a check that holds, and that fails where the mistake is planted.

A mistake is planted by exchanging the responsible function for a wrong one. Here is what learns, plays and judges; what
happens to the data before is in test_planted_mistakes_in_data.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.builders import CHOICES, VECTORS, random_actions, refused
from tests.evaluation.test_score import BOOTSTRAP, EXPERT, WEAK, judged
from tests.sequences.test_dataset import LENGTHS, counting
from tests.toys import recording, tiny_policy
from tests.training.test_loop import parameters, sequences, toy_episodes
from understudy.errors import DataError
from understudy.evaluation import score, statistics
from understudy.evaluation.score import Evaluated
from understudy.losses import action_losses
from understudy.models import action_transformer, hierarchical
from understudy.models.mlp import MultilayerPerceptron
from understudy.models.registry import load_family
from understudy.nn import attention
from understudy.nn.cache import KVCache
from understudy.nn.embeddings import ActionEmbedding
from understudy.nn.row_memory import RowMemory
from understudy.nn.windows import StateWindow
from understudy.options.labels import labelled
from understudy.policies.actor import PolicyActor
from understudy.sequences import dataset
from understudy.sequences.dataset import SequenceDataset
from understudy.step import Step
from understudy.training import loop
from understudy.training.run import TrainingRun, ValidationMetrics

FAMILIES = ("action_transformer", "hierarchical")
ROWS, STEPS = 2, 6
FOUND = (AssertionError, pytest.fail.Exception)


@dataclass(frozen=True)
class Mistake:
    """What is wrong in one sentence, a check given an empty folder, and what makes the mistake by patching."""

    name: str
    check: Callable[[Path], None]
    plant: Callable[[pytest.MonkeyPatch], None]


def padding_enters_no_loss(_):
    """Whatever stands behind a row's end changes no term of any family's loss."""
    options = np.random.default_rng(1).integers(3, size=sum(LENGTHS)).astype(np.int16)
    columns = frozenset().union(*(load_family(family).reads for family in ("mlp", *FAMILIES)))
    for spec in (CHOICES, VECTORS):
        store = labelled(counting(spec, LENGTHS), options, options == 1, 3)
        batch = next(SequenceDataset(store, 7, 9, columns).in_order())
        padded = torch.arange(7) >= batch.seq_lens[:, None]
        assert padded.any()
        other = {name: _changed(batch[name], padded) for name in ("observation", "action", "label", "option")}
        other["return_to_go"] = batch["return_to_go"] + 100.0 * padded
        other["termination"] = batch["termination"] ^ padded
        for family in ("mlp", *FAMILIES):
            model = tiny_policy(family, spec).model
            before, after = (_terms(model, each) for each in (batch, replace(batch, columns=other)))
            assert after == pytest.approx(before, rel=1e-6)


def _terms(model, batch):
    return {name: float(term.mean.detach()) for name, term in model.losses(batch, torch.Generator()).terms.items()}


def _changed(values, where):
    """The first choice, or vectors ten larger, at these places of (B, T) or (B, T, ...)."""
    if values.ndim == 2:
        return torch.where(where, (values + 1) % 3, values)
    return values + 10.0 * where[..., None]


def an_action_is_predicted_before_it_is_seen(_):
    """Another action at a step changes no prediction up to that step, and does change the next one."""
    for family, states, actions, options, predict in _rows_of_families():
        before, changes = predict(states, actions, options), []
        for step in range(STEPS - 1):
            other = actions.clone()
            other[:, step] *= 0.5  # which stays within its bounds
            changes.append(_changes(before, predict(states, other, options)))
        assert not [step for step, changed in enumerate(changes) if changed[:, : step + 1].any()], family
        assert all(changed[:, step + 1].all() for step, changed in enumerate(changes)), family


def an_option_is_chosen_before_it_is_seen(_):
    """Another option at a step changes neither that step's choice of an option nor any prediction before."""
    policy = tiny_policy("hierarchical", VECTORS)
    _, states, actions, options, _ = list(_rows_of_families())[1]
    lengths = torch.full((ROWS,), STEPS)
    choices, preds, _ = policy.model(states, actions, options, lengths)
    for step in range(STEPS):
        other = options.clone()
        other[:, step] = (options[:, step] + 1) % 3
        new_choices, new_preds, _ = policy.model(states, actions, other, lengths)
        assert not _changes(choices, new_choices)[:, : step + 1].any()
        assert not _changes(preds, new_preds)[:, :step].any()


def the_future_is_not_seen(_):
    """Other states from a step on change no prediction before it."""
    for family, states, actions, options, predict in _rows_of_families():
        before = predict(states, actions, options)
        for step in range(1, STEPS):
            other = states.clone()
            other[:, step:] += 1.0
            changed = _changes(before, predict(other, actions, options))
            assert not changed[:, :step].any(), (family, step)
            assert changed[:, step:].all(), (family, step)


def _rows_of_families():
    """Each family with rows of vectors, and how it predicts actions (B, T, A) from them."""
    generator = np.random.default_rng(2)
    states = torch.from_numpy(generator.normal(size=(ROWS, STEPS, 3)).astype(np.float32))
    actions = torch.from_numpy(random_actions(VECTORS, generator, ROWS * STEPS)).view(ROWS, STEPS, 2)
    options = torch.from_numpy(generator.integers(3, size=(ROWS, STEPS)))
    lengths = torch.full((ROWS,), STEPS)
    decoder, layered = (tiny_policy(family, VECTORS).model for family in FAMILIES)
    yield FAMILIES[0], states, actions, options, lambda s, a, o: decoder(s, a, lengths)[0]
    yield FAMILIES[1], states, actions, options, lambda s, a, o: layered(s, a, o, lengths)[1]


def _changes(before, after):
    """Boolean (B, T), true where anything differs."""
    return ((before - after).abs() > 1e-5).any(-1)


def a_row_forgets_its_last_episode(_):
    """After a row's reset it acts as in its first episode, and the rows beside it go on as if nothing had happened."""
    observations = np.random.default_rng(3).normal(size=(8, 3, 3)).astype(np.float32)
    seeds = np.arange(3)
    for family in FAMILIES:
        disturbed, undisturbed, fresh = (PolicyActor(tiny_policy(family, VECTORS)) for _ in range(3))
        for actor in (disturbed, undisturbed, fresh):
            actor.start(3)
            actor.reset(seeds, seeds)
        for step, seen in enumerate(observations):
            if step == 5:
                disturbed.reset(np.array([1]), np.array([9]))
            got, expected = disturbed.act(told(seen)).actions, undisturbed.act(told(seen)).actions
            if step >= 5:
                expected[1] = fresh.act(told(seen)).actions[1]
            np.testing.assert_allclose(got, expected, atol=1e-5, err_msg=f"{family}, step {step}")


def told(observation):
    """A step at which nothing was done before, for rows whose memory says whether an episode begins."""
    rows = len(observation)
    return Step(observation, np.zeros((rows, 2), np.float32), np.zeros(rows, np.float32), np.zeros(rows, bool))


def equal_returns_are_a_score_of_one_without_doubt(_):
    """A student with the expert's return at every seed scores one, and so do both bounds: pairs stay together."""
    entry = score.summarise(judged(student=Evaluated([recording(EXPERT)])), BOOTSTRAP)["student"]
    assert (entry["score"], entry["score_ci_low"], entry["score_ci_high"]) == (1.0, 1.0, 1.0)


def other_seeds_have_no_score(_):
    """Returns of other seeds are refused, and so are those with shuffled options."""
    elsewhere = recording(WEAK, first_seed=11)
    for student in (Evaluated([elsewhere]), Evaluated([recording(WEAK)], 0.5, variants={"shuffled": [elsewhere]})):
        with refused(DataError, "expected the expert's seeds, got others"):
            score.summarise(judged(student=student), BOOTSTRAP)


def held_out_episodes_choose_the_weights(_):
    """Where learning makes held-out episodes worse from the start, the weights of the first validation are selected."""
    training, states = toy_episodes(0, [60, 40]), np.random.default_rng(1).normal(size=(50, 2))
    held_out = sequences(states, states[:, 0] <= states[:, 1], [20, 30])
    torch.manual_seed(5)
    model, threads = MultilayerPerceptron(2, 2, 16, 1, True), torch.get_num_threads()
    params = parameters(steps=20, evaluate_every=4, learning_rate=0.05)
    outcome = loop.train(model, training, held_out, params, seed=0, name="toy")
    torch.set_num_threads(threads)
    selected = loop.validate(model, SequenceDataset(held_out, 8, 8, model.reads, burn_in=4))
    losses = {row["step"]: row["validation_loss"] for row in outcome.curve}
    assert min(losses, key=losses.get) == outcome.selected_step == 4
    assert selected.loss == pytest.approx(losses[4], rel=1e-5)
    assert outcome.curve[-1]["train_loss"] < outcome.curve[0]["train_loss"]
    assert losses[20] > losses[4] + 0.1


def exchange(owner, name, wrong):
    """Plant by giving `owner` something else under `name`, made from what is there."""
    return lambda patch: patch.setattr(owner, name, wrong(getattr(owner, name)))


def over_all(_):
    return lambda values, mask: values.mean()


def everywhere(gather):
    def wrong(*parts):
        batch = gather(*parts)
        return replace(batch, mask=torch.ones_like(batch.mask), value_mask=torch.ones_like(batch.mask))

    return wrong


def a_step_early(embed):
    return lambda self, actions, dropped=None: embed(self, torch.roll(actions, -1, dims=1), dropped)


def actions_first(interleave):
    return lambda modalities: interleave(modalities[::-1])


def both_ways(window_mask):
    return lambda steps, window: window_mask(steps, window) | window_mask(steps, window).T


def one_too_many(window_mask):
    return lambda steps, window: window_mask(steps, window) | torch.eye(len(steps)).roll(1, dims=1).bool()


def the_following(forward):
    return lambda window, states: forward(window, states.flip(-2)).flip(-2)


def nothing(_):
    return lambda *_: None


def all_rows(reset):
    return lambda self, rows, seeds=None: reset(self, torch.arange(3))


def first_rows(reset):
    return lambda self, rows, seeds=None: reset(self, torch.arange(len(rows)))


def unpaired(bootstrap):
    return lambda *parts, **options: bootstrap(*parts, **options | {"paired": False})


def recording_training(record):
    def wrong(run, metrics):
        losses = [float(each["loss"]) for each in run.running]
        record(run, ValidationMetrics(sum(losses) / len(losses), metrics.terms, metrics.accuracy))

    return wrong


def selecting_the_last(record):
    def wrong(run, metrics):
        record(run, metrics)
        run.selected_weights = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}

    return wrong


def validating_on_training(validate):
    def wrong(model, _):
        return validate(model, SequenceDataset(toy_episodes(0, [60, 40]), 8, 8, model.reads, burn_in=4))

    return wrong


padding, leak, future = padding_enters_no_loss, an_action_is_predicted_before_it_is_seen, the_future_is_not_seen
choice, forget = an_option_is_chosen_before_it_is_seen, a_row_forgets_its_last_episode
paired, seeds = equal_returns_are_a_score_of_one_without_doubt, other_seeds_have_no_score
chosen = held_out_episodes_choose_the_weights
MISTAKES = [
    Mistake("actions are averaged over padding", padding, exchange(action_losses, "masked_mean", over_all)),
    Mistake("options are averaged over padding", padding, exchange(hierarchical, "masked_mean", over_all)),
    Mistake("padding is not masked", padding, exchange(dataset, "gather", everywhere)),
    Mistake("the action's token predicts it", leak, exchange(action_transformer, "STATE", lambda _: 1)),
    Mistake("the action's token predicts it under an option", leak, exchange(hierarchical, "OPTION", lambda _: 2)),
    Mistake("actions are embedded a step early", leak, exchange(ActionEmbedding, "forward", a_step_early)),
    Mistake("an action comes before its state", leak, exchange(action_transformer, "interleave", actions_first)),
    Mistake("the option's token chooses it", choice, exchange(hierarchical, "STATE", lambda _: 1)),
    Mistake("attention looks both ways", future, exchange(attention, "window_mask", both_ways)),
    Mistake("attention looks one token ahead", future, exchange(attention, "window_mask", one_too_many)),
    Mistake("differences look ahead", future, exchange(StateWindow, "forward", the_following)),
    Mistake("no row forgets", forget, exchange(RowMemory, "reset", nothing)),
    Mistake("the cache does not forget", forget, exchange(KVCache, "reset", nothing)),
    Mistake("all rows forget", forget, exchange(RowMemory, "reset", all_rows)),
    Mistake("another row forgets", forget, exchange(RowMemory, "reset", first_rows)),
    Mistake("resamples break pairs", paired, exchange(statistics.stats, "bootstrap", unpaired)),
    Mistake("seeds are not compared", seeds, exchange(score, "_check_pairing", nothing)),
    Mistake("training losses choose the weights", chosen, exchange(TrainingRun, "record", recording_training)),
    Mistake("training episodes choose the weights", chosen, exchange(loop, "validate", validating_on_training)),
    Mistake("the last weights are selected", chosen, exchange(TrainingRun, "record", selecting_the_last)),
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
