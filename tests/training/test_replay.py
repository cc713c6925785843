"""In which order a training meets its chunks: once an epoch, or by how wrong the model was.

`Worst` says of each row how wrong it was by the row's first state alone, so that a chunk's priority is known beforehand.
"""

import numpy as np
import pytest
import torch
from torch import nn

from tests.builders import CHOICES, refused
from tests.models.test_q_transformer import batch, build
from tests.toys import tiny_policy
from tests.training.test_checkpoint import assert_resumed_is_the_same
from tests.training.test_device import toy_dataset, toy_sequences
from tests.training.test_loop import HELD_OUT, OBSERVATION, TRAINING, parameters
from understudy.errors import DataError, ParameterError
from understudy.models.family import Losses, LossTerm
from understudy.params.training import PrioritizedParams, TrainingParams
from understudy.sequences.batch import Batch
from understudy.sequences.dataset import SequenceDataset
from understudy.sequences.mixture import MixedDataset, SequenceMixture
from understudy.training import distributed
from understudy.training.loop import train
from understudy.training.replay import PrioritizedReplay, UniformReplay, replay_of
from understudy.training.run import TrainingRun


def prioritized(**changes) -> TrainingParams:
    numbers = PrioritizedParams(exponent=0.6, correction=0.4, smallest_error=0.01)
    return parameters(**({"replay": "prioritized", "prioritized": numbers} | changes))


class Worst(nn.Module):
    """Wrong about a row by the size of its first state; where `told` is set, by that much about all."""

    reads, max_seq_len, burn_in, look_ahead = OBSERVATION, None, 1, 0

    def __init__(self, told: float | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.told, self.seen = told, []

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        errors = batch["observation"][:, 0].norm(dim=-1)
        if self.training:
            self.seen.append((batch["observation"][:, 0], batch.row_weights))
        errors = errors if self.told is None else torch.full_like(errors, self.told)
        return Losses({"weight": LossTerm((1 - self.weight).sum(), batch.mask)}, row_errors=errors)

    def fit(self, steps) -> None: ...

    def after_update(self) -> None: ...


def worst_run(count: int, **changes) -> TrainingRun:
    run = TrainingRun(Worst(), SequenceDataset(TRAINING, 8, 8, OBSERVATION), prioritized(**changes), seed=3)
    for _ in range(count):
        run.train_step()
    return run


def test_uniform_replay_is_every_chunk_once_an_epoch() -> None:
    dataset = SequenceDataset(TRAINING, 8, 8, OBSERVATION)
    replay = replay_of(dataset, parameters(), 3)
    assert isinstance(replay, UniformReplay)
    for epoch in range(2):
        for expected in dataset.shuffled(3, epoch):
            sample = replay.draw()
            assert sample.chunks is None and sample.batch.row_weights is None
            assert torch.equal(sample.batch["observation"], expected["observation"])


def test_a_chunk_has_the_priority_of_its_row_s_error() -> None:
    run = worst_run(40)
    chunks = run.replay.chunks
    first = chunks.dataset.sequences.states[chunks.chunks.first]
    known = (np.linalg.norm(first, axis=1) + 0.01) ** 0.6
    drawn = np.isclose(chunks.priorities.values, known, rtol=1e-5)
    assert drawn.mean() > 0.9
    assert chunks.priorities.values[~drawn] == pytest.approx(max(1.0, known[drawn].max()), rel=0.6)


def test_weights_are_whole_at_the_last_step() -> None:
    run = worst_run(0, steps=4)
    found = []
    for _ in range(4):
        found.append(run.replay.chunks.priorities.beta)
        run.train_step()
    assert found == pytest.approx([0.4, 0.55, 0.7, 0.85])
    assert run.replay.chunks.priorities.beta == 1.0
    assert all(weights is not None and float(weights.max()) == 1.0 for _, weights in run.model.seen)


def test_the_samples_are_a_function_of_the_seed_and_of_what_was_learned() -> None:
    one, same, two = worst_run(9), worst_run(9), worst_run(9, learning_rate=0.02)
    other = TrainingRun(Worst(told=1.0), one.replay.chunks.dataset, prioritized(), seed=3)
    for _ in range(9):
        other.train_step()
    rows = [torch.cat([states for states, _ in run.model.seen]) for run in (one, same, two, other)]
    assert torch.equal(rows[0], rows[1]) and torch.equal(rows[0], rows[2])
    assert not torch.equal(rows[0], rows[3])
    assert torch.equal(rows[0][:8], rows[3][:8])  # before anything was learned


def test_two_processes_draw_what_one_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each learns of its own rows; what the other says of the rest is added."""
    alone = worst_run(6)
    errors = [states.norm(dim=-1) for states, _ in alone.model.seen]
    for rows in (slice(0, 3), slice(3, 8)):
        monkeypatch.setattr(distributed, "shard", lambda number, together, rows=rows: rows)
        run = TrainingRun(Worst(), alone.replay.chunks.dataset, prioritized(), seed=3)
        monkeypatch.setattr(distributed, "count", lambda: 2)
        for step in range(6):
            others = errors[step].clone()
            others[rows] = 0.0
            monkeypatch.setattr(distributed, "parts_of_batch", lambda losses: {"weight": losses.terms["weight"].mean})
            monkeypatch.setattr(distributed, "all_reduce_sum", lambda whole, others=others: whole + others)
            run.train_step()
        monkeypatch.undo()
        for (own, _), (whole, _) in zip(run.model.seen, alone.model.seen, strict=True):
            assert torch.equal(own, whole[rows])
        assert run.replay.chunks.priorities.values.tobytes() == alone.replay.chunks.priorities.values.tobytes()


@pytest.mark.parametrize("validations", [1, 3])
def test_a_training_by_priorities_is_resumed_to_the_bit(tmp_path, monkeypatch, validations) -> None:
    params = prioritized(steps=20, evaluate_every=5)
    assert_resumed_is_the_same(Worst, params, validations, tmp_path, monkeypatch)


def test_action_values_are_learned_by_priorities_and_resumed_to_the_bit(tmp_path, monkeypatch) -> None:
    training, held_out = toy_sequences(CHOICES, 0), toy_sequences(CHOICES, 1)
    monkeypatch.setattr("tests.training.test_checkpoint.TRAINING", training)
    monkeypatch.setattr("tests.training.test_checkpoint.HELD_OUT", held_out)
    curves = []
    for params in (parameters(steps=8, evaluate_every=4), prioritized(steps=8, evaluate_every=4)):
        make = lambda: tiny_policy("q_transformer", CHOICES).model.train()  # noqa: E731
        outcome = assert_resumed_is_the_same(make, params, 1, tmp_path / params.replay, monkeypatch)
        curves.append([row["train_loss"] for row in outcome.curve])
    assert curves[0] != curves[1]


@torch.no_grad()
def test_a_row_counts_by_its_weight() -> None:
    """Twice the loss where all rows count twice, the loss of the first rows where the last counts nothing; 1 changes no bit."""
    model, rows = build(penalty="cql"), batch()

    def terms(weights: list[float] | None) -> dict[str, float]:
        given = None if weights is None else torch.tensor(weights)
        losses = model.losses(Batch(**vars(rows) | {"row_weights": given}), torch.Generator())
        return {name: float(term.mean) * int(term.mask.sum()) for name, term in losses.terms.items()}

    plain = terms(None)
    assert terms([1.0, 1.0, 1.0]) == plain
    assert terms([2.0, 2.0, 2.0]) == pytest.approx({name: 2 * value for name, value in plain.items()})
    parts = [terms([float(row == counted) for row in range(3)]) for counted in range(3)]
    assert {name: sum(part[name] for part in parts) for name in plain} == pytest.approx(plain)
    assert len({round(part["value"], 6) for part in parts}) == 3


def test_a_family_that_does_not_say_how_wrong_it_is_is_refused() -> None:
    model = tiny_policy("mlp", CHOICES).model.train()
    run = TrainingRun(model, toy_dataset(CHOICES, model.reads), prioritized(), 0)
    assert isinstance(run.replay, PrioritizedReplay)
    with refused(ParameterError, "training.replay: expected uniform, since the family does not say how wrong it is"):
        run.train_step()


def test_errors_that_are_not_finite_are_refused() -> None:
    with refused(
        DataError, "training: expected finite errors of each row, got others; a smaller learning_rate may help"
    ):
        train(Worst(told=float("nan")), TRAINING, HELD_OUT, prioritized(), seed=0, name="worst")


def test_priorities_without_their_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"training\.prioritized: expected its block"):
        prioritized(prioritized=None)


def test_priorities_are_not_of_several_tasks_chunks():
    dataset = MixedDataset(SequenceMixture((), (), (), ""), ())
    with refused(
        ParameterError, "training.replay: expected uniform with the sequences of several tasks, got prioritized"
    ):
        replay_of(dataset, prioritized(), 0)
