"""The training loop, on sequences made by hand and on models whose losses are known beforehand.

The toy rule to imitate: action 1 where x > y, else 0. `Climber` has one weight that training drives up without end,
while the held-out episodes are best explained at a certain value: the best look comes before the last.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.builders import by_hand
from understudy.errors import DataError
from understudy.losses.masking import masked_mean
from understudy.models.action_transformer import ActionTransformer
from understudy.models.mlp import MultilayerPerceptron
from understudy.params import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.training.loop import judge, train
from understudy.training.run import CURVE_COLUMNS, Outcome

SPEC = EnvironmentSpec("Toy-v0", {}, ("x", "y"), 2, None, None, None)
VECTOR_SPEC = EnvironmentSpec("Toy-v0", {}, ("x", "y"), None, (-1.0, 0.0), (1.0, 10.0), None)


@pytest.fixture(autouse=True)
def number_of_threads_is_restored():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def parameters(**changes) -> TrainingParams:
    fields = {"seed": 0, "threads": 1, "precision": "float32", "steps": 10, "batch_size": 8, "chunk_length": 8}
    fields |= {"learning_rate": 0.01, "warmup_steps": 0, "weight_decay": 0.0, "max_grad_norm": 1.0}
    fields |= {"value_weight": 0.1, "evaluate_every": 5, "patience": 100}
    return TrainingParams(**(fields | changes))


def sequences(states: np.ndarray, actions: np.ndarray, lengths: list[int], spec: EnvironmentSpec = SPEC) -> Sequences:
    return by_hand(spec, states, actions, lengths, returns_to_go=states.sum(axis=1))


def toy_episodes(seed: int, lengths: list[int]) -> Sequences:
    states = np.random.default_rng(seed).normal(size=(sum(lengths), 2))
    return sequences(states, states[:, 0] > states[:, 1], lengths)


TRAINING, HELD_OUT = toy_episodes(0, [60, 7, 133, 1, 200]), toy_episodes(1, [30, 5, 40])


def train_mlp(params: TrainingParams, training: Sequences = TRAINING) -> tuple[MultilayerPerceptron, Outcome]:
    torch.manual_seed(5)
    model = MultilayerPerceptron(2, 2, 16, 1, True)
    return model, train(model, training, HELD_OUT, params, "toy")


def train_transformer(params: TrainingParams) -> tuple[ActionTransformer, Outcome]:
    torch.manual_seed(5)
    model = ActionTransformer(2, 2, 16, 1, 2, 32, 8, True, context=4, action_dropout=0.3)
    torch.seed()  # what the global generator holds must not matter
    return model, train(model, TRAINING, HELD_OUT, params, "toy")


def test_a_perceptron_learns_a_simple_rule() -> None:
    model, outcome = train_mlp(parameters(steps=100, learning_rate=0.05, evaluate_every=20))
    assert outcome.kept.accuracy > 0.95
    states = torch.tensor(HELD_OUT.states)
    assert ((model(states)[0].argmax(-1) == 1) == (states[:, 0] > states[:, 1])).float().mean() > 0.95
    assert outcome.curve[-1][1] < 0.5 * outcome.curve[0][1]


@pytest.mark.parametrize("train_model", [train_mlp, train_transformer])
def test_weights_are_a_function_of_the_seed(train_model) -> None:
    weights = []
    for seed in (3, 3, 4):
        model, _ = train_model(parameters(seed=seed))
        weights.append(nn.utils.parameters_to_vector(model.parameters()))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("train_model", [train_mlp, train_transformer])
def test_losses_agree_in_half_and_full_precision(train_model) -> None:
    curves = []
    for precision in ("float32", "bfloat16"):
        _, outcome = train_model(parameters(precision=precision, steps=40))
        curves.append(torch.tensor(outcome.curve))
    assert curves[0][-1, 1] < 0.7 * curves[0][0, 1]
    # bfloat16 keeps 8 bits, 0.4 % a product; over 40 steps the losses stay within 0.01 of each other.
    torch.testing.assert_close(curves[1][:, 1:5], curves[0][:, 1:5], atol=0.01, rtol=0)
    assert not torch.equal(*curves)


# What is kept, and when training stops


class Climber(nn.Module):
    """Notes its weight at each update and each look at the held-out episodes, all states, and its generators' seeds."""

    def __init__(self, best: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.best = best
        self.at_updates, self.at_looks, self.batches, self.seeds = [], [], [], []

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        (self.at_updates if self.training else self.at_looks).append(self.weight.item())
        self.batches.append(batch.states)
        self.seeds.append(generator.initial_seed())
        nll = -self.weight.sum() if self.training else (self.weight - self.best).square().sum()
        return {"action": nll, "value": torch.zeros(())}, torch.zeros(*batch.mask.shape, 2)


def train_climber(best: float, **changes) -> tuple[Climber, Outcome]:
    model = Climber(best)
    params = parameters(learning_rate=0.1, batch_size=100, **changes)
    return model, train(model, TRAINING, HELD_OUT, params, "climber")


def test_without_patience_training_takes_all_its_steps_and_keeps_the_last_weights() -> None:
    model, outcome = train_climber(0.35, steps=11, evaluate_every=2, patience=None)
    losses = [row[CURVE_COLUMNS.index("validation_loss")] for row in outcome.curve]
    assert [row[0] for row in outcome.curve] == [2, 4, 6, 8, 10, 11]
    assert model.weight.item() == model.at_looks[-1]
    assert outcome.kept_step == 11
    assert outcome.kept.loss == losses[-1] > min(losses)


def test_with_patience_the_best_weights_are_kept_and_not_the_last() -> None:
    model, outcome = train_climber(0.35, steps=12, evaluate_every=1)
    distances = [abs(weight - 0.35) for weight in model.at_looks]
    assert outcome.kept_step == 1 + distances.index(min(distances))
    assert 1 < outcome.kept_step < 12
    assert model.weight.item() == model.at_looks[outcome.kept_step - 1]
    assert outcome.kept.loss == min(row[CURVE_COLUMNS.index("validation_loss")] for row in outcome.curve)


def test_training_stops_after_so_many_looks_that_were_no_better() -> None:
    _, outcome = train_climber(0.0, steps=100, evaluate_every=3, patience=2)
    assert [row[0] for row in outcome.curve] == [3, 6, 9]
    assert outcome.kept_step == 3


def test_looks_that_are_better_keep_training_going() -> None:
    model, outcome = train_climber(100.0, steps=14, evaluate_every=3, patience=1)
    assert [row[0] for row in outcome.curve] == [3, 6, 9, 12, 14]
    assert outcome.kept_step == 14
    assert model.weight.item() == model.at_looks[-1]


def test_the_curve_tells_the_mean_loss_since_the_look_before() -> None:
    model, outcome = train_climber(0.0, steps=4, evaluate_every=2)
    expected = [-sum(model.at_updates[:2]) / 2, -sum(model.at_updates[2:4]) / 2]
    assert [row[1] for row in outcome.curve] == pytest.approx(expected)
    assert [row[3] for row in outcome.curve] == pytest.approx([weight**2 for weight in model.at_looks])


def test_every_epoch_takes_the_steps_in_another_order() -> None:
    model, _ = train_climber(0.0, steps=3, chunk_length=200)  # a batch of all episodes is an epoch
    assert not torch.equal(model.batches[0], model.batches[1])
    assert not torch.equal(model.batches[1], model.batches[2])


def test_a_model_draws_from_a_generator_of_the_seed() -> None:
    model, _ = train_climber(0.0, steps=2, seed=7)
    assert model.seeds[:2] == [7, 7]


def test_the_learning_rate_warms_up() -> None:
    model, _ = train_climber(100.0, steps=10, warmup_steps=4)
    steps = np.diff(model.at_updates[:5])
    assert steps == pytest.approx([0.025, 0.05, 0.075, 0.1], rel=1e-4)  # Adam's step is the learning rate here


# Gradients


class Unmoved(nn.Module):
    """A matrix and a vector whose gradients are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix, self.vector = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        nothing = 0 * (self.matrix.sum() + self.vector.sum())
        return {"action": nothing, "value": nothing}, torch.zeros(*batch.mask.shape, 2)


def test_matrices_decay_and_vectors_do_not() -> None:
    model = Unmoved()
    train(model, TRAINING, HELD_OUT, parameters(steps=1, learning_rate=0.1, weight_decay=0.5), "unmoved")
    torch.testing.assert_close(model.matrix.detach(), torch.full((2, 2), 0.95))
    assert model.vector.tolist() == [1.0, 1.0]


def test_gradients_are_clipped() -> None:
    model, _ = train_climber(100.0, steps=1, max_grad_norm=1e-10)
    # Adam's first step is lr * g / (|g| + 1e-8).
    assert model.weight.item() == pytest.approx(0.1 * 1e-10 / (1e-10 + 1e-8), rel=1e-2)


@pytest.mark.parametrize(("value_weight", "moves"), [(0.0, False), (0.5, True)])
def test_the_value_head_learns_by_its_weight_in_the_loss(value_weight: float, moves: bool) -> None:
    start, _ = train_mlp(parameters(steps=1, learning_rate=1e-30))
    model, _ = train_mlp(parameters(steps=2, value_weight=value_weight))
    assert torch.equal(model.value_head.predict.weight, start.value_head.predict.weight) != moves


# Judging


class Known(nn.Module):
    """Loses x nats and 10 x in value at each step, and predicts the action y (the vector (y, 0) where not discrete)."""

    def __init__(self, discrete: bool = True) -> None:
        super().__init__()
        self.discrete = discrete
        self.weight = nn.Parameter(torch.zeros(()))  # says on which device the model is

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        assert not self.training
        x, y = batch.states.unbind(-1)
        preds = functional.one_hot(y.long(), 2) if self.discrete else torch.stack([y, 0 * y], dim=-1)
        return {
            "action": masked_mean(0.75 * x, batch.mask),
            "option": masked_mean(0.25 * x, batch.mask),
            "value": masked_mean(10 * x, batch.value_mask),
        }, preds


def known_steps() -> Sequences:
    """28 steps with x = 0 ... 27; the actions are ones, of which y foretells all but every seventh."""
    x = np.arange(28)
    return sequences(np.stack([x, x % 7 != 0], axis=1), np.ones(28), [1, 9, 4, 14])


@pytest.mark.parametrize(("chunk_length", "lead", "batch_size"), [(4, 2, 3), (4, 1, 1), (8, 4, 2), (99, 1, 99)])
def test_judging_counts_each_step_once(chunk_length: int, lead: int, batch_size: int) -> None:
    held = judge(Known(), SequenceDataset(known_steps(), chunk_length, batch_size, lead=lead))
    assert held.loss == pytest.approx(13.5)
    assert held.value == pytest.approx(135.0)
    assert held.accuracy == pytest.approx(24 / 28)


def test_judging_values_counts_each_step_whose_return_is_known_once() -> None:
    held_out = replace(known_steps(), truncated=np.arange(4) == 1)  # the episode of steps 1 to 9
    held = judge(Known(), SequenceDataset(held_out, 4, 3, lead=2))
    assert held.loss == pytest.approx(13.5)
    assert held.value == pytest.approx(10 * (378 - 45) / 19)


def test_action_vectors_are_right_within_a_tenth_of_the_range() -> None:
    states = np.stack([np.zeros(4), [0.0, 0.25, 0.5, 0.5]], axis=1)
    actions = np.array([[0.15, 0.9], [0.0, 0.0], [0.5, 1.1], [0.75, 0.0]])
    held_out = sequences(states, actions, [4], VECTOR_SPEC)  # ranges 2 and 10
    assert judge(Known(discrete=False), SequenceDataset(held_out, 4, 3)).accuracy == 0.25


# Numbers that are not finite


def with_states_that_are_not_numbers(good: Sequences) -> Sequences:
    states = good.states.copy()
    states[3] = np.nan
    return sequences(states, good.actions, np.diff(good.offsets).tolist())


def test_states_that_are_not_numbers_end_training() -> None:
    with pytest.raises(DataError, match="expected a finite loss, got nan at step 1;"):
        train_mlp(parameters(batch_size=100), with_states_that_are_not_numbers(TRAINING))


def test_held_out_states_that_are_not_numbers_end_training() -> None:
    with pytest.raises(DataError, match="finite"):
        train(
            MultilayerPerceptron(2, 2, 16, 1, True),
            TRAINING,
            with_states_that_are_not_numbers(HELD_OUT),
            parameters(),
            "",
        )
