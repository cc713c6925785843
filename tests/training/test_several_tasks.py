"""Training on several tasks side by side, on rules that a model can learn in a few batches."""

import json

import numpy as np
import pytest
import torch

from tests.builders import by_hand
from tests.mixed import MIXED, PICTURES, TASKS, WITH_PICTURES
from tests.toys import CONFIGS
from understudy.interface import Interface
from understudy.params.training import TrainingParams
from understudy.policies.build import build_model
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.mixture import MixedDataset, SequenceMixture
from understudy.sequences.store import Sequences
from understudy.training.accuracy import held_out_accuracy, write_outcome
from understudy.training.checkpoint import save
from understudy.training.loop import learned_from, train, validate
from understudy.training.run import Outcome
from understudy.training.steps import training_steps

LENGTHS = (12, 30, 7)
RETURNS = ((1.0, 2.0, 0.0), (1002.0, 1000.0, 1001.0), (-1002.0, -1001.0, -1000.0))  # of each task's episodes
PARAMS = TrainingParams(
    seeds=[0],
    threads=1,
    precision="float32",
    steps=60,
    batch_size=12,
    chunk_length=8,
    learning_rate=0.01,
    warmup_steps=0,
    weight_decay=0.0,
    max_grad_norm=1.0,
    evaluate_every=30,
    patience=None,
)


@pytest.fixture(autouse=True)
def number_of_threads_is_restored():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def demonstrated(number: int, seed: int, interface: Interface) -> Sequences:
    """A task's rule: the first component decides, of choices by its sign, for each task otherwise."""
    task, total = interface.tasks[number], sum(LENGTHS)
    states = np.random.default_rng([seed, number]).normal(0.25, 0.5, size=(total, task.state_dim))
    positive = states[:, 0] > 0.25
    if task.discrete_actions:
        labels = np.where(positive, number, task.action_dim - 1)
    else:
        labels = np.clip(states[:, :1], -1, 1) * [0.9, 0.4]
    returns = np.repeat(RETURNS[number], LENGTHS)
    return by_hand(task.environment, states, labels, LENGTHS, returns_to_go=returns, interface=Interface((task,)))


def mixture(seed: int, interface: Interface = MIXED) -> SequenceMixture:
    parts = tuple(demonstrated(number, seed, interface) for number in range(3))
    return SequenceMixture(("one", "two", "three"), parts, (1.0, 1.0, 1.0), "0" * 64)


TRAINING, HELD_OUT = mixture(0), mixture(1)


def build(interface: Interface = MIXED, **layout: object):
    torch.manual_seed(1)
    sizes = CONFIGS["generalist"] | {"num_bins": 16, "continuous_loss": "mse", "action_dropout": 0.2}
    return build_model("generalist", sizes | layout, interface, "policies.p")


def trained(tokens: str = "coarse", params: TrainingParams = PARAMS, **options):
    model = build(tokens=tokens)
    return model, train(model, TRAINING, HELD_OUT, params, seed=0, name="toy", **options)


@pytest.mark.parametrize("tokens", ["coarse", "fine"])
def test_all_tasks_are_learned_and_told_apart(tokens: str) -> None:
    model, outcome = trained(tokens, PARAMS.model_copy(update={"steps": 150}))
    accuracy = held_out_accuracy(model, HELD_OUT)
    assert list(accuracy.tasks) == ["one", "two", "three"]
    assert accuracy.all_steps == pytest.approx(sum(each.all_steps for each in accuracy.tasks.values()) / 3)
    assert min(each.all_steps for each in accuracy.tasks.values()) > (0.85 if tokens == "coarse" else 0.65)
    assert outcome.selected.accuracy > 0.8
    assert outcome.curve[-1]["validation_loss"] < outcome.curve[0]["validation_loss"]


def test_validation_counts_every_step_of_every_task_once() -> None:
    """The mean over all steps of what each task costs by itself."""
    model, _ = trained(params=PARAMS.model_copy(update={"steps": 1}))
    size = (8, 12, model.reads)
    parts = tuple(SequenceDataset(part, *size) for part in HELD_OUT.parts)
    whole = validate(model, MixedDataset(HELD_OUT, parts))
    one_by_one = []
    for number, part in enumerate(HELD_OUT.parts):
        only = SequenceMixture(("task",), (part,), (1.0,), "")
        dataset = MixedDataset(only, (parts[number],))
        batches = [batch for batch in MixedDataset(HELD_OUT, parts).in_order() if batch["task"][0] == number]
        assert sum(int(batch.mask.sum()) for batch in batches) == sum(LENGTHS) == dataset.mixture.num_steps
        with torch.inference_mode():
            losses = [(model.eval().losses(batch, torch.Generator()), batch.mask.sum()) for batch in batches]
        one_by_one.append(sum(float(each.terms["action"].mean) * int(count) for each, count in losses) / sum(LENGTHS))
    assert whole.loss == pytest.approx(np.mean(one_by_one), rel=1e-5)


class Killed(Exception):
    """In place of a signal, just after a checkpoint."""


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"tokens": "fine", "prompt_steps": 4, "prompt_chance": 0.5},
        PICTURES,
        {"return_conditioned": True, "return_bins": 8},
    ],
    ids=["coarse", "fine, prompted", "pictures", "return_conditioned"],
)
def test_interrupted_and_resumed_it_gives_the_same_weights(tmp_path, monkeypatch, layout) -> None:
    interface = WITH_PICTURES if layout == PICTURES else MIXED
    data, path = (mixture(0, interface), mixture(1, interface)), tmp_path / "run.safetensors"
    params = PARAMS.model_copy(update={"steps": 12, "evaluate_every": 6})

    def learned(checkpoint=None) -> dict[str, torch.Tensor]:
        model = build(interface, **layout)
        train(model, *data, params, seed=0, name="toy", checkpoint=checkpoint)
        return model.state_dict()

    def save_and_die(*run_and_path: object) -> None:
        save(*run_and_path)
        raise Killed

    whole = learned()
    with monkeypatch.context() as patch:
        patch.setattr("understudy.training.loop.save", save_and_die)
        with pytest.raises(Killed):
            learned(path)
    for (name, one), other in zip(whole.items(), learned(path).values(), strict=True):
        assert torch.equal(one, other), name


def test_of_each_task_the_best_episodes_may_be_learned_from_alone() -> None:
    """Whatever the returns of other tasks are."""
    params, model = PARAMS.model_copy(update={"steps": 2}), build()
    best = learned_from(model, TRAINING, params, 0.4)
    assert [part.episodes.tolist() for part in best.parts] == [[1], [0], [2]]
    better = learned_from(model, TRAINING, params, 0.7)
    assert [part.episodes.tolist() for part in better.parts] == [[0, 1], [0, 2], [1, 2]]
    one, other = (trained(params=params, best_returns=share)[0].state_dict() for share in (None, 0.4))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_outcome_says_how_right_each_task_was(tmp_path) -> None:
    model, outcome = trained(params=PARAMS.model_copy(update={"steps": 1}))
    accuracy = held_out_accuracy(model, HELD_OUT)
    write_outcome(outcome, accuracy, tmp_path)
    held_out = json.loads((tmp_path / "held_out.json").read_text())
    assert held_out["action_accuracy"] == accuracy.all_steps
    assert held_out["tasks"]["two"] == {
        "action_accuracy": accuracy.tasks["two"].all_steps,
        "change_accuracy": accuracy.tasks["two"].at_changes,
    }
    assert isinstance(outcome, Outcome)


def test_steps_for_tables_name_their_task() -> None:
    steps = training_steps(TRAINING)
    assert {"observation", "action", "reward", "return_to_go", "task"} <= set(steps) and len(steps) == len(list(steps))
    assert steps["demonstration_observation"].shape == (3 * 5, 64, 5)
    assert steps["demonstration_action"].shape == (3 * 5, 64, 2)
    assert steps["task"].bincount().tolist() == [sum(LENGTHS)] * 3
    assert steps["observation"].shape == (3 * sum(LENGTHS), 5)
    assert steps["action"].shape == (3 * sum(LENGTHS), 2)
    own = torch.from_numpy(TASKS[1].normalize_states(TRAINING.parts[1].states))
    assert torch.equal(steps["observation"][steps["task"] == 1], own)


def test_as_many_columns_are_counted_as_are_named() -> None:
    steps = training_steps(TRAINING)
    assert len(steps) == len(list(steps)) == len(set(steps))
    assert list(steps)[-1] == "task" and steps["task"].unique().tolist() == [0, 1, 2]
