"""The training loop, on sequences made by hand and on models whose losses are known beforehand.

The toy rule to imitate: action 1 where x > y, else 0. `Climber` has one weight that training drives up without end,
while the held-out episodes are best explained at a certain value: the best validation comes before the last.
"""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.builders import by_hand, refused
from tests.toys import tiny_policy
from understudy.errors import DataError, ParameterError
from understudy.losses.masking import masked_mean
from understudy.models.action_transformer import ActionTransformer
from understudy.models.family import Losses, LossTerm
from understudy.models.mlp import MultilayerPerceptron
from understudy.params.training import TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec
from understudy.training import distributed
from understudy.training.loop import check_fits, train, validate
from understudy.training.run import Outcome, TrainingRun

OBSERVATION = frozenset({"observation"})
SPEC = EnvironmentSpec("Toy-v0", {}, ("x", "y"), 2, None, None, None)
VECTOR_SPEC = EnvironmentSpec("Toy-v0", {}, ("x", "y"), None, (-1.0, 0.0), (1.0, 10.0), None)


@pytest.fixture(autouse=True)
def number_of_threads_is_restored():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def parameters(**changes) -> TrainingParams:
    fields = {"seeds": [0], "threads": 1, "precision": "float32", "steps": 10, "batch_size": 8, "chunk_length": 8}
    fields |= {"learning_rate": 0.01, "warmup_steps": 0, "weight_decay": 0.0, "max_grad_norm": 1.0}
    fields |= {"evaluate_every": 5, "patience": 100}
    return TrainingParams(**(fields | changes))


def sequences(
    states: np.ndarray, actions: np.ndarray, lengths: list[int], spec: EnvironmentSpec = SPEC, truncated: tuple = ()
) -> Sequences:
    return by_hand(spec, states, actions, lengths, returns_to_go=states.sum(axis=1), truncated=truncated)


def toy_episodes(seed: int, lengths: list[int]) -> Sequences:
    states = np.random.default_rng(seed).normal(size=(sum(lengths), 2))
    return sequences(states, states[:, 0] > states[:, 1], lengths)


TRAINING, HELD_OUT = toy_episodes(0, [60, 7, 133, 1, 200]), toy_episodes(1, [30, 5, 40])


def train_mlp(
    params: TrainingParams, training: Sequences = TRAINING, seed: int = 0, **options
) -> tuple[MultilayerPerceptron, Outcome]:
    torch.manual_seed(5)
    model = MultilayerPerceptron(2, 2, 16, 1, True, **options)
    return model, train(model, training, HELD_OUT, params, seed=seed, name="toy")


def train_transformer(params: TrainingParams, seed: int = 0) -> tuple[ActionTransformer, Outcome]:
    torch.manual_seed(5)
    model = ActionTransformer(2, 2, 16, 1, 2, 32, 8, True, context=4, action_dropout=0.3)
    torch.seed()  # what the global generator holds must not matter
    return model, train(model, TRAINING, HELD_OUT, params, seed=seed, name="toy")


def column(outcome: Outcome, name: str) -> list[float]:
    """A column of the learning curve."""
    return [row[name] for row in outcome.curve]


def test_a_perceptron_learns_a_simple_rule() -> None:
    model, outcome = train_mlp(parameters(steps=100, learning_rate=0.05, evaluate_every=20))
    assert outcome.selected.accuracy > 0.95
    states = torch.tensor(HELD_OUT.states)
    assert ((model(states)[0].argmax(-1) == 1) == (states[:, 0] > states[:, 1])).float().mean() > 0.95
    assert column(outcome, "train_loss")[-1] < 0.5 * column(outcome, "train_loss")[0]


@pytest.mark.parametrize("train_model", [train_mlp, train_transformer])
def test_weights_are_a_function_of_the_seed(train_model) -> None:
    weights = []
    for seed in (3, 3, 4):
        model, _ = train_model(parameters(), seed=seed)
        weights.append(nn.utils.parameters_to_vector(model.parameters()))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("train_model", [train_mlp, train_transformer])
def test_losses_agree_in_half_and_full_precision(train_model) -> None:
    curves = []
    for precision in ("float32", "bfloat16"):
        _, outcome = train_model(parameters(precision=precision, steps=40))
        losses = [name for name in outcome.curve[0] if name.endswith(("_loss", "_action", "_value"))]
        curves.append(torch.tensor([column(outcome, name) for name in losses]))
    assert curves[0][0, -1] < 0.7 * curves[0][0, 0]
    # bfloat16 keeps 8 bits, 0.4 % a product; over 40 steps the losses stay within 0.01 of each other.
    torch.testing.assert_close(curves[1][:4], curves[0][:4], atol=0.01, rtol=0)
    assert not torch.equal(*curves)


def test_where_the_best_returns_are_asked_for_only_those_episodes_are_learned_from() -> None:
    """All states are the same; the two episodes that return more demonstrate action 1, the six others action 0."""
    best = np.repeat(np.arange(8) >= 6, 5)
    rows = by_hand(SPEC, np.ones((40, 2)), best.astype(np.int64), [5] * 8, returns_to_go=best.astype(np.float64))
    chosen = []
    for share in (None, 0.25):
        torch.manual_seed(0)
        model = MultilayerPerceptron(2, 2, 16, 1, True)
        train(model, rows, rows, parameters(steps=60), seed=0, name="mlp", best_returns=share)
        chosen.append(int(model(torch.ones(1, 2))[0].argmax()))
    assert chosen == [0, 1]


# What is selected, and when training stops


class Climber(nn.Module):
    """Notes its weight at each update and each validation, all states and masks, and its generators' seeds."""

    reads, max_seq_len = OBSERVATION, None

    def __init__(self, best: float, burn_in: int = 1, look_ahead: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.best, self.burn_in, self.look_ahead = best, burn_in, look_ahead
        self.at_updates, self.at_validations, self.after_updates = [], [], []
        self.batches, self.validated, self.seeds = [], [], []

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        (self.at_updates if self.training else self.at_validations).append(self.weight.item())
        (self.batches if self.training else self.validated).append(batch)
        self.seeds.append(generator.initial_seed())
        loss = -self.weight.sum() if self.training else (self.weight - self.best).square().sum()
        return Losses({"climb": LossTerm(loss, batch.mask)})

    def fit(self, steps) -> None:
        self.fitted = steps

    def after_update(self) -> None:
        self.after_updates.append(self.weight.item())


def train_climber(
    best: float, seed: int = 0, burn_in: int = 1, look_ahead: int = 0, **changes
) -> tuple[Climber, Outcome]:
    model = Climber(best, burn_in, look_ahead)
    params = parameters(**({"learning_rate": 0.1, "batch_size": 100} | changes))
    return model, train(model, TRAINING, HELD_OUT, params, seed=seed, name="climber")


def test_without_patience_training_takes_all_its_steps_and_selects_the_last_weights() -> None:
    model, outcome = train_climber(0.35, steps=11, evaluate_every=2, patience=None)
    losses = column(outcome, "validation_loss")
    assert column(outcome, "step") == [2, 4, 6, 8, 10, 11]
    assert model.weight.item() == model.at_validations[-1]
    assert outcome.selected_step == 11
    assert outcome.selected.loss == losses[-1] > min(losses)


def test_with_patience_the_best_weights_are_selected_and_not_the_last() -> None:
    model, outcome = train_climber(0.35, steps=12, evaluate_every=1)
    distances = [abs(weight - 0.35) for weight in model.at_validations]
    assert outcome.selected_step == 1 + distances.index(min(distances))
    assert 1 < outcome.selected_step < 12
    assert model.weight.item() == model.at_validations[outcome.selected_step - 1]
    assert outcome.selected.loss == min(column(outcome, "validation_loss"))


def test_training_stops_after_so_many_validations_that_were_no_better() -> None:
    _, outcome = train_climber(0.0, steps=100, evaluate_every=3, patience=2)
    assert column(outcome, "step") == [3, 6, 9]
    assert outcome.selected_step == 3


def test_whoever_asks_is_told_after_every_validation_and_may_end_the_training() -> None:
    told: list[list[float]] = []

    def watch(outcome: Outcome) -> None:
        told.append([row["step"] for row in outcome.curve])
        if len(told) == 2:
            raise InterruptedError

    model = tiny_policy("mlp", SPEC).model
    with pytest.raises(InterruptedError):
        train(model, TRAINING, HELD_OUT, parameters(steps=20), seed=0, name="toy", on_validation=watch)
    assert told == [[5], [5, 10]]


def test_validations_that_are_better_keep_training_going() -> None:
    model, outcome = train_climber(100.0, steps=14, evaluate_every=3, patience=1)
    assert column(outcome, "step") == [3, 6, 9, 12, 14]
    assert outcome.selected_step == 14
    assert model.weight.item() == model.at_validations[-1]


def test_of_equally_good_validations_the_first_is_selected() -> None:
    params = parameters(steps=10, evaluate_every=1, patience=2)
    outcome = train(Unmoved(), TRAINING, HELD_OUT, params, seed=0, name="unmoved")
    assert (column(outcome, "validation_loss"), outcome.selected_step) == ([0.0, 0.0, 0.0], 1)


def test_training_takes_the_threads_that_it_is_given() -> None:
    for threads in (2, 1):
        train_climber(0.0, steps=1, threads=threads)
        assert torch.get_num_threads() == threads


def test_the_curve_tells_the_mean_loss_since_the_validation_before() -> None:
    model, outcome = train_climber(0.0, steps=4, evaluate_every=2)
    expected = [-sum(model.at_updates[:2]) / 2, -sum(model.at_updates[2:4]) / 2]
    assert column(outcome, "train_loss") == column(outcome, "train_climb") == pytest.approx(expected)
    validated = [weight**2 for weight in model.at_validations]
    assert column(outcome, "validation_loss") == column(outcome, "validation_climb") == pytest.approx(validated)


def test_the_progress_bar_tells_what_the_last_validation_came_to(capsys: pytest.CaptureFixture[str]) -> None:
    train_climber(0.35, steps=2, evaluate_every=1)  # of 0.1 and 0.05, so the weight is 0.2 away
    assert ", validation loss 0.0400]" in capsys.readouterr().err
    _, outcome = train_mlp(parameters(steps=1))
    loss, accuracy = outcome.selected.loss, outcome.selected.accuracy
    assert f", validation loss {loss:.4f}, accuracy {accuracy:.3f}]" in capsys.readouterr().err


def test_the_curve_has_a_column_for_each_term_and_for_accuracy_where_actions_are_predicted() -> None:
    names = ["step", "train_loss", "validation_loss"]
    _, outcome = train_climber(0.0, steps=1)
    assert list(outcome.curve[0]) == [*names, "train_climb", "validation_climb"]
    assert outcome.selected.accuracy is None
    _, outcome = train_mlp(parameters(steps=1))
    terms = [f"{split}_{term}" for term in ("action", "value") for split in ("train", "validation")]
    assert list(outcome.curve[0]) == [*names, *terms, "validation_accuracy"]


def test_a_model_is_told_after_each_update() -> None:
    model, _ = train_climber(0.0, steps=4, evaluate_every=2)
    assert model.after_updates == [*model.at_updates[1:], model.at_validations[-1]]
    assert len(set(model.after_updates)) == 4


@pytest.mark.parametrize("needed", [1, 3, 5])
def test_steps_are_validated_with_half_a_chunk_of_context_and_trained_on_with_what_the_model_needs(needed) -> None:
    """Else a model with a memory is validated at steps of which it has seen no past."""
    model, _ = train_climber(0.0, burn_in=needed, steps=1, chunk_length=9)
    for batches, burn_in in ((model.validated, max(4, needed)), (model.batches, needed)):
        firsts = [int(torch.nonzero(mask)[0]) for batch in batches for mask in batch.mask]
        # A row that begins with its episode needs no more of it.
        assert {0, burn_in} <= set(firsts) <= set(range(burn_in + 1))
        assert max(batch.mask.shape[1] for batch in batches) == 9


@pytest.mark.parametrize("ahead", [3, 6])
def test_what_a_model_looks_ahead_to_follows_what_counts_in_training_and_in_validation(ahead) -> None:
    """Six of nine steps leave room for a burn-in of two at most, not for half of a chunk."""
    model, _ = train_climber(0.0, look_ahead=ahead, steps=1, chunk_length=9)
    for batches, burn_in in ((model.validated, min(4, 9 - ahead - 1)), (model.batches, 1)):
        rows = [
            (mask, int(length)) for batch in batches for mask, length in zip(batch.mask, batch.seq_lens, strict=True)
        ]
        assert {int(torch.nonzero(mask)[0]) for mask, _ in rows} >= {0, burn_in}
        unseen = {length - 1 - int(torch.nonzero(mask)[-1]) for mask, length in rows}
        assert {0, ahead} <= unseen <= set(range(ahead + 1))


def test_only_the_columns_that_a_model_reads_are_in_its_batches() -> None:
    model, _ = train_climber(0.0, steps=1)
    assert {name for batch in (*model.batches, *model.validated) for name in batch.columns} == {"observation"}


def test_every_epoch_takes_the_steps_in_another_order() -> None:
    model, _ = train_climber(0.0, steps=3, chunk_length=200)  # a batch of all episodes is an epoch
    first, second, third = (batch["observation"] for batch in model.batches)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_a_model_draws_from_a_generator_of_the_seed() -> None:
    """One of its own: another of `training.seeds` gives other draws and another order of the data."""
    model, _ = train_climber(0.0, steps=2, seed=7)
    assert model.seeds[:2] == [7, 7]
    other, _ = train_climber(0.0, steps=2, seed=8)
    assert not torch.equal(model.batches[0]["observation"], other.batches[0]["observation"])


class Drawing(nn.Module):
    """Draws a number for each step of its rows, and notes them."""

    reads, max_seq_len, burn_in, look_ahead = OBSERVATION, None, 1, 0

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.drawn = []

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        self.drawn.append(torch.rand(batch.mask.shape, generator=generator))
        return Losses({"weight": LossTerm(self.weight.sum(), batch.mask)})

    def fit(self, steps) -> None: ...

    def after_update(self) -> None: ...


def test_rows_draw_the_same_in_whichever_process_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of five rows, of which two processes take two and three."""
    drawn = []
    for rows in (slice(0, 5), slice(0, 2), slice(2, 5)):
        monkeypatch.setattr(distributed, "shard", lambda number, together, rows=rows: rows)
        run = TrainingRun(Drawing(), SequenceDataset(TRAINING, 8, 5, OBSERVATION), parameters(), seed=3)
        for _ in range(2):
            run.train_step()
        drawn.append(run.model.drawn)
    whole, first, second = drawn
    assert [len(numbers) for numbers in (*whole, *first, *second)] == [5, 5, 2, 2, 3, 3]
    for step in range(2):
        assert torch.equal(torch.cat([first[step], second[step]]), whole[step])


def test_what_is_noted_of_a_step_does_not_keep_what_its_gradients_were_made_of() -> None:
    run = TrainingRun(Climber(0.0), SequenceDataset(TRAINING, 8, 8, OBSERVATION), parameters(), seed=0)
    run.train_step()
    [noted] = run.running
    assert {name: part.requires_grad for name, part in noted.items()} == {"loss": False, "climb": False}


def test_a_further_training_seed_leaves_the_weights_of_the_first_as_they_are() -> None:
    alone, beside = (train_transformer(parameters(seeds=seeds), seed=3)[0] for seeds in ([3], [3, 4]))
    for one, other in zip(alone.parameters(), beside.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_learning_rate_warms_up() -> None:
    model, _ = train_climber(100.0, steps=10, warmup_steps=4)
    steps = np.diff(model.at_updates[:5])
    assert steps == pytest.approx([0.025, 0.05, 0.075, 0.1], rel=1e-4)  # Adam's step is the learning rate here


# Gradients


class Unmoved(nn.Module):
    """A matrix and a vector whose gradients are zero."""

    reads, max_seq_len, burn_in, look_ahead = OBSERVATION, None, 1, 0

    def __init__(self) -> None:
        super().__init__()
        self.matrix, self.vector = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        return Losses({"nothing": LossTerm(0 * (self.matrix.sum() + self.vector.sum()), batch.mask)})

    def fit(self, steps) -> None: ...

    def after_update(self) -> None: ...


def test_matrices_decay_and_vectors_do_not() -> None:
    model, params = Unmoved(), parameters(steps=1, learning_rate=0.1, weight_decay=0.5)
    train(model, TRAINING, HELD_OUT, params, seed=0, name="unmoved")
    torch.testing.assert_close(model.matrix.detach(), torch.full((2, 2), 0.95))
    assert model.vector.tolist() == [1.0, 1.0]


def test_gradients_are_clipped() -> None:
    model, _ = train_climber(100.0, steps=1, max_grad_norm=1e-10)
    # Adam's first step is lr * g / (|g| + 1e-8).
    assert model.weight.item() == pytest.approx(0.1 * 1e-10 / (1e-10 + 1e-8), rel=1e-2)


@pytest.mark.parametrize(("value_weight", "moves"), [(0.0, False), (0.5, True)])
def test_the_value_head_learns_by_its_weight_in_the_loss(value_weight: float, moves: bool) -> None:
    start, _ = train_mlp(parameters(steps=1, learning_rate=1e-30))
    model, _ = train_mlp(parameters(steps=2), value_weight=value_weight)
    assert torch.equal(model.value_head.predict.weight, start.value_head.predict.weight) != moves


class Torn(nn.Module):
    """Two terms that pull its weight, from one on, to both sides: -w with weight 1, and 3 w with the weight given."""

    reads, max_seq_len, burn_in, look_ahead = OBSERVATION, None, 1, 0

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.ones(()))
        self.weight = weight

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        up, down = LossTerm(-self.place, batch.mask), LossTerm(3 * self.place, batch.value_mask, self.weight)
        return Losses({"up": up, "down": down})

    def fit(self, steps) -> None: ...

    def after_update(self) -> None: ...


@pytest.mark.parametrize(("weight", "end"), [(0.1, 1.1), (1.0, 0.9), (0.0, 1.1)])
def test_the_objective_weighs_its_terms(weight: float, end: float) -> None:
    """Adam's first step is the learning rate, whichever side the gradient, 3 * weight - 1, points to."""
    model = Torn(weight)
    params = parameters(steps=1, learning_rate=0.1)
    outcome = train(model, TRAINING, HELD_OUT, params, seed=0, name="torn")
    assert model.place.item() == pytest.approx(end)
    [row] = outcome.curve
    assert (row["train_up"], row["train_down"], row["train_loss"]) == pytest.approx((-1, 3, 3 * weight - 1))
    expected = (-end, 3 * end, (3 * weight - 1) * end)
    assert (row["validation_up"], row["validation_down"], row["validation_loss"]) == pytest.approx(expected)
    assert outcome.selected.loss == row["validation_loss"]


# Validation


class Known(nn.Module):
    """Loses x nats and 10 x in value at each step, and predicts the action y (the vector (y, 0) where not discrete)."""

    def __init__(self, discrete: bool = True) -> None:
        super().__init__()
        self.discrete = discrete
        self.weight = nn.Parameter(torch.zeros(()))  # says on which device the model is

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        assert not self.training
        x, y = batch["observation"].unbind(-1)
        preds = functional.one_hot(y.long(), 2) if self.discrete else torch.stack([y, 0 * y], dim=-1)
        terms = {
            "action": LossTerm(masked_mean(0.75 * x, batch.mask), batch.mask),
            "option": LossTerm(masked_mean(0.25 * x, batch.mask), batch.mask, 2.0),
            "value": LossTerm(masked_mean(10 * x, batch.value_mask), batch.value_mask, 0.5),
        }
        return Losses(terms, preds)


def known_steps(truncated: tuple[int, ...] = ()) -> Sequences:
    """28 steps with x = 0 ... 27; the actions are ones, of which y foretells all but every seventh."""
    x = np.arange(28)
    return sequences(np.stack([x, x % 7 != 0], axis=1), np.ones(28), [1, 9, 4, 14], truncated=truncated)


def dataset(held_out: Sequences, chunk_length: int, batch_size: int, burn_in: int = 1) -> SequenceDataset:
    return SequenceDataset(held_out, chunk_length, batch_size, frozenset({"observation", "label"}), burn_in)


@pytest.mark.parametrize(("chunk_length", "burn_in", "batch_size"), [(4, 2, 3), (4, 1, 1), (8, 4, 2), (99, 1, 99)])
def test_validation_counts_each_step_once(chunk_length: int, burn_in: int, batch_size: int) -> None:
    metrics = validate(Known(), dataset(known_steps(), chunk_length, batch_size, burn_in))
    assert metrics.terms == pytest.approx({"action": 0.75 * 13.5, "option": 0.25 * 13.5, "value": 135.0})
    assert metrics.loss == pytest.approx((0.75 + 2 * 0.25) * 13.5 + 0.5 * 135.0)
    assert metrics.accuracy == pytest.approx(24 / 28)


def test_validation_sums_in_double_precision() -> None:
    """A loss of 0.3 squared, as float32 has it, at each of 28 steps in batches of different sizes."""
    metrics = validate(Climber(0.3), dataset(known_steps(), 4, 3))
    assert metrics.loss == pytest.approx(float(np.float32(0.3) ** 2), rel=1e-12)


def test_validating_values_counts_each_step_whose_return_is_known_once() -> None:
    """The episode of the steps 1 to 9 ends by the clock."""
    metrics = validate(Known(), dataset(known_steps(truncated=(1,)), 4, 3, 2))
    assert metrics.terms["action"] == pytest.approx(0.75 * 13.5)
    assert metrics.terms["value"] == pytest.approx(10 * (378 - 45) / 19)


def test_where_no_return_is_known_the_value_costs_nothing() -> None:
    assert validate(Known(), dataset(known_steps(truncated=(0, 1, 2, 3)), 4, 3)).terms["value"] == 0.0


def test_a_model_goes_on_training_after_a_validation() -> None:
    model = Known().train()
    validate(model, dataset(known_steps(), 4, 3))
    assert model.training


def test_action_vectors_are_right_within_a_tenth_of_the_range() -> None:
    """A model's vectors are -1 and 1 at the bounds: predicted are (0, 5), (0.25, 5), (0.5, 5) and (0.5, 5), ranges 2 and 10."""
    states = np.stack([np.zeros(4), [0.0, 0.25, 0.5, 0.5]], axis=1)
    actions = np.array([[0.15, 5.9], [0.0, 5.0], [0.5, 6.1], [0.75, 5.0]])
    held_out = sequences(states, actions, [4], VECTOR_SPEC)
    assert validate(Known(discrete=False), dataset(held_out, 4, 3)).accuracy == 0.25


# What does not fit


def test_chunks_longer_than_the_model_takes_are_refused() -> None:
    model = ActionTransformer(2, 2, 16, 1, 2, 32, 8, True, context=4)
    with refused(ParameterError, "training.chunk_length: expected at most max_seq_len = 8, got 9"):
        train(model, TRAINING, HELD_OUT, parameters(chunk_length=9), seed=0, name="toy")


def test_chunks_no_longer_than_the_model_looks_back_on_are_refused() -> None:
    model = MultilayerPerceptron(2, 2, 16, 1, True, state_differences=3)
    sentence = "training.chunk_length: expected more than the 3 steps that policies.toy looks back on, got 3"
    with refused(ParameterError, sentence):
        train(model, TRAINING, HELD_OUT, parameters(chunk_length=3), seed=0, name="toy")
    train(model, TRAINING, HELD_OUT, parameters(chunk_length=4, steps=1), seed=0, name="toy")


def test_columns_that_the_sequences_do_not_have_are_refused() -> None:
    model = tiny_policy("hierarchical", SPEC).model
    sentence = "policies.toy.family: expected sequences with a column 'option', which it reads, got none"
    with refused(ParameterError, sentence):
        train(model, TRAINING, HELD_OUT, parameters(), seed=0, name="toy")


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
            seed=0,
            name="",
        )


@pytest.mark.parametrize(("length", "fits"), [(5, False), (6, True)])
def test_a_chunk_is_longer_than_what_is_looked_back_on_and_ahead_to(length, fits):
    model = SimpleNamespace(max_seq_len=None, burn_in=2, look_ahead=3, reads=OBSERVATION)
    sequences = SimpleNamespace(columns=OBSERVATION)
    params = SimpleNamespace(chunk_length=length)
    said = "training.chunk_length: expected more than the 2 steps that p looks back on and the 3 that it looks ahead to, got 5"
    with nullcontext() if fits else refused(ParameterError, said):
        check_fits(model, sequences, params, "p")
