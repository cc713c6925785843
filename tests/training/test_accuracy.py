"""Accuracy on held-out episodes, with models whose predictions are written into the states; the shares are counted by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.builders import CHOICES, SEVERAL_CHOICES, VECTORS, by_hand, with_columns
from tests.toys import tiny_policy
from tests.training.test_device import CASES, toy_sequences
from understudy.nn.row_memory import RowMemory
from understudy.options.labels import labelled
from understudy.sequences import dataset
from understudy.sequences.dataset import SequenceDataset, gather
from understudy.step import Decision, Step
from understudy.training import accuracy
from understudy.training.accuracy import Accuracy, held_out_accuracy, write_outcome
from understudy.training.loop import validate
from understudy.training.run import Outcome, ValidationMetrics
from understudy.utils.jsonfile import read_json

LABELS = np.array([0, 0, 1, 1, 2, 2, 2, 0, 1, 1, 0])  # changes at steps 2, 4, 7 and 10; step 8 begins an episode
LENGTHS = [8, 3]


class Reader(nn.Module):
    """Predicts what the states' first entries say, a choice or a vector, and notes what it is told."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self.entries = entries
        self.weight = nn.Parameter(torch.zeros(1))  # says on which device the model is
        self.told: list[Step] = []

    def begin(self, num_rows: int) -> RowMemory:
        return RowMemory(num_rows)

    def act(self, memory: RowMemory, step: Step) -> Decision:
        assert not self.training
        self.told.append(step)
        read = step.observation[:, : self.entries]
        return Decision(read[:, 0].long() if self.entries == 1 else read)


def scaled(vectors: np.ndarray) -> np.ndarray:
    """States whose first two entries are these vectors as a model has them: from -1 to 1, where the bounds are."""
    return np.column_stack([(np.asarray(vectors) - [0.0, -0.75]) / [1.0, 1.25], np.zeros(len(vectors))])


def accuracy_of_choices(predicted: np.ndarray, labels: np.ndarray = LABELS) -> Accuracy:
    states = np.stack([predicted, np.zeros(len(predicted)), np.zeros(len(predicted))], axis=1)
    return held_out_accuracy(Reader(1), by_hand(CHOICES, states, labels, LENGTHS))


@pytest.mark.parametrize("most_rows", [1, 128])
def test_right_predictions_are_counted_over_all_steps_and_where_the_action_changes(most_rows, monkeypatch) -> None:
    """Right at the changes 2, 7 and 10 and at step 3, wrong at the change 4 and elsewhere."""
    monkeypatch.setattr(accuracy, "MOST_ROWS", most_rows)
    predicted = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    assert accuracy_of_choices(predicted) == Accuracy(4 / 11, 0.75)


def test_a_copier_has_no_change_right_and_an_oracle_all() -> None:
    assert accuracy_of_choices(np.roll(LABELS, 1)).at_changes == 0.0
    assert accuracy_of_choices(LABELS) == Accuracy(1.0, 1.0)


def test_where_nothing_changes_there_is_no_accuracy_at_changes() -> None:
    labels = np.array([1] * 8 + [2] * 3)
    assert accuracy_of_choices(labels, labels) == Accuracy(1.0, None)


def test_vectors_change_beyond_a_tenth_of_the_range_in_any_entry() -> None:
    """The ranges are 2 and 2.5. Steps 1 and 3 change, by 0.3 and by 0.5; step 2 by 0.1 only. Step 1 is predicted 0.1 off."""
    labels = np.array([[0.0, 0.0], [0.3, 0.0], [0.4, 0.0], [0.4, -0.5]])
    predicted = scaled([[0.9, 0.0], [0.4, 0.0], [0.9, 0.0], [0.4, 0.0]])
    assert held_out_accuracy(Reader(2), by_hand(VECTORS, predicted, labels, [4])) == Accuracy(0.25, 0.5)


def test_vectors_are_compared_within_the_bounds_in_which_they_are_played() -> None:
    labels, predicted = np.array([[1.0, -2.0], [1.0, -2.0]]), scaled([[9.0, -9.0], [9.0, 9.0]])
    assert held_out_accuracy(Reader(2), by_hand(VECTORS, predicted, labels, [2])).all_steps == 0.5


def test_the_model_is_told_what_was_recorded_and_not_what_was_demonstrated_or_predicted() -> None:
    """Two episodes, of which the second is shorter."""
    model, labels, actions = Reader(1), np.full(5, 1), np.array([2, 0, 2, 1, 0])
    held_out = by_hand(CHOICES, np.zeros((5, 3)), labels, [3, 2], actions=actions, rewards=np.array([4, 5, 6, 7, 8]))
    held_out_accuracy(model, held_out)
    assert [step.is_first.tolist() for step in model.told[:3]] == [[True, True], [False, False], [False, False]]
    assert [step.previous_action.tolist() for step in model.told[:2]] == [[0, 0], [2, 1]]
    assert [step.previous_reward.tolist() for step in model.told[:2]] == [[0, 0], [4, 7]]
    assert (model.told[2].previous_action[0], model.told[2].previous_reward[0]) == (0, 5)


@pytest.mark.parametrize(("family", "spec"), [case for case in CASES if case[0] in ("mlp", "action_transformer")])
def test_predictions_are_those_of_the_full_pass(family, spec) -> None:
    """Demonstrated is what the full pass predicts, but for every third step."""
    model, held_out = tiny_policy(family, spec).model, toy_sequences(spec, 1)
    model.max_seq_len = 100
    [batch] = SequenceDataset(held_out, 100, 99, model.reads).in_order()
    with torch.no_grad():
        preds = model.losses(batch, torch.Generator()).predictions[batch.mask].numpy()
    if spec.discrete_actions:
        labels = (preds.argmax(-1) + (np.arange(len(preds)) % 3 == 0)) % 3
    else:
        labels = held_out.task.unnormalize_actions(preds)
        labels[::3] = np.where(labels[::3] > [0.0, -0.75], [-1.0, -2.0], [1.0, 0.5])  # the farther bound
    assert held_out_accuracy(model, with_columns(held_out, labels=labels)).all_steps == pytest.approx(2 / 3, abs=0.002)


def test_padding_counts_nowhere(monkeypatch) -> None:
    """Of a row that is shorter than another one anything may stand behind its end."""

    def with_noise_behind(*given):
        batch = gather(*given)
        for name, column in batch.columns.items():
            noise = torch.randint(3, column.shape, generator=torch.Generator().manual_seed(0)).to(column.dtype)
            behind = ~batch.mask if column.ndim == 2 else ~batch.mask[..., None]
            batch.columns[name] = torch.where(behind, noise, column)
        return batch

    predicted = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    expected = accuracy_of_choices(predicted)
    monkeypatch.setattr(dataset, "gather", with_noise_behind)
    assert accuracy_of_choices(predicted) == expected


def test_agents_see_what_those_before_them_decide() -> None:
    """Recorded is what the full pass predicts after it: found by passes until nothing changes, the first step's agents first."""
    model, lengths = tiny_policy("multi_agent", SEVERAL_CHOICES).model, [6] * 6
    states = np.random.default_rng(3).normal(size=(36, 3))
    actions, before = np.zeros(36, np.int64), None
    while before is None or (actions != before).any():
        held_out = by_hand(SEVERAL_CHOICES, states, actions, lengths)
        [batch] = SequenceDataset(held_out, 7, 99, model.reads).in_order()
        with torch.no_grad():
            preds = model.losses(batch, torch.Generator()).predictions[batch.mask]
        before, actions = actions, preds.argmax(-1).numpy()
    assert len(np.unique(actions)) == 3
    assert held_out_accuracy(model, held_out).all_steps == 1.0
    labels = (actions + (np.arange(36) % 4 == 0)) % 3
    assert held_out_accuracy(model, with_columns(held_out, labels=labels, actions=actions)).all_steps == 0.75


def test_options_that_were_labelled_in_hindsight_do_not_help() -> None:
    """The same under other labels; under the data's own, which the full pass is given, the accuracy is another."""
    model, held_out = tiny_policy("hierarchical", CHOICES).model, toy_sequences(CHOICES, 1)
    options, terminations = (held_out.labels_of_steps[name] for name in ("option", "termination"))
    relabelled = labelled(held_out, (options + 1) % 3, terminations, 3)
    with torch.no_grad():
        for option, correction in enumerate(model.corrections):
            correction.bias[option] += 100.0  # under each option its own action
    in_hindsight = labelled(held_out, np.asarray(held_out.labels, np.int16), terminations, 3)
    model.max_seq_len = 100
    assert validate(model, SequenceDataset(in_hindsight, 99, 4, model.reads)).accuracy == 1.0
    assert held_out_accuracy(model, held_out) == held_out_accuracy(model, relabelled)
    assert held_out_accuracy(model, held_out).all_steps < 0.7


def test_a_training_leaves_its_curve_and_what_was_selected(tmp_path) -> None:
    selected = ValidationMetrics(0.5, {"action": 0.25, "value": 2.5}, 0.75)
    curve = [
        {"step": 5, "train_loss": 1.5, "validation_loss": 1.0},
        {"step": 10, "train_loss": 1.25, "validation_loss": 0.5},
    ]
    write_outcome(Outcome(curve, selected, 10), Accuracy(0.875, None), tmp_path)
    lines = (tmp_path / "learning_curve.csv").read_text().splitlines()
    assert lines == ["step,train_loss,validation_loss", "5,1.5,1", "10,1.25,0.5"]
    held_out = {"loss": 0.5, "step": 10, "action_accuracy": 0.875, "change_accuracy": None}
    assert read_json(tmp_path / "held_out.json") == held_out
