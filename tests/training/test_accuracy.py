"""Accuracy on held-out episodes, with models whose predictions are written into the states; the shares are counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.builders import CHOICES, VECTORS, by_hand, with_columns
from tests.toys import tiny_policy
from tests.training.test_device import CASES, toy_sequences
from understudy.nn.cache import PlayState
from understudy.sequences.dataset import SequenceDataset
from understudy.training import accuracy
from understudy.training.accuracy import Accuracy, held_out_accuracy
from understudy.training.loop import judge

LABELS = np.array([0, 0, 1, 1, 2, 2, 2, 0, 1, 1, 0])  # changes at steps 2, 4, 7 and 10; step 8 begins an episode
LENGTHS = [8, 3]


class Reader(nn.Module):
    """Predicts what the states' first entries say, a choice or a vector, and notes the executed actions."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self.entries = entries
        self.weight = nn.Parameter(torch.zeros(1))  # says on which device the model is
        self.executed: list[list] = []

    def new_state(self, num_rows: int) -> PlayState:
        return PlayState(num_rows)

    def step(self, state: PlayState, observations: Tensor) -> tuple[Tensor, None]:
        read = observations[:, : self.entries]
        return (nn.functional.one_hot(read[:, 0].long(), 3).float() if self.entries == 1 else read), None

    def acted(self, state: PlayState, actions: Tensor) -> None:
        self.executed.append(actions.tolist())


def judge_choices(predicted: np.ndarray, labels: np.ndarray = LABELS) -> Accuracy:
    states = np.stack([predicted, np.zeros(len(predicted)), np.zeros(len(predicted))], axis=1)
    return held_out_accuracy(Reader(1), by_hand(CHOICES, states, labels, LENGTHS))


@pytest.mark.parametrize("most_rows", [1, 128])
def test_right_predictions_are_counted_over_all_steps_and_where_the_action_changes(most_rows, monkeypatch) -> None:
    """Right at the changes 2, 7 and 10 and at step 3, wrong at the change 4 and elsewhere."""
    monkeypatch.setattr(accuracy, "MOST_ROWS", most_rows)
    predicted = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    assert judge_choices(predicted) == Accuracy(4 / 11, 0.75)


def test_a_copier_has_no_change_right_and_an_oracle_all() -> None:
    assert judge_choices(np.roll(LABELS, 1)).at_changes == 0.0
    assert judge_choices(LABELS) == Accuracy(1.0, 1.0)


def test_where_nothing_changes_there_is_no_accuracy_at_changes() -> None:
    labels = np.array([1] * 8 + [2] * 3)
    assert judge_choices(labels, labels) == Accuracy(1.0, None)


def test_vectors_change_beyond_a_tenth_of_the_range_in_any_entry() -> None:
    """The ranges are 2 and 2.5. Steps 1 and 3 change, by 0.3 and by 0.5; step 2 by 0.1 only. Step 1 is predicted 0.1 off."""
    labels = np.array([[0.0, 0.0], [0.3, 0.0], [0.4, 0.0], [0.4, -0.5]])
    predicted = np.array([[0.9, 0.0, 0], [0.4, 0.0, 0], [0.9, 0.0, 0], [0.4, 0.0, 0]])
    assert held_out_accuracy(Reader(2), by_hand(VECTORS, predicted, labels, [4])) == Accuracy(0.25, 0.5)


def test_vectors_are_judged_within_the_bounds_in_which_they_are_played() -> None:
    labels, predicted = np.array([[1.0, -2.0], [1.0, -2.0]]), np.array([[9.0, -9.0, 0], [9.0, 9.0, 0]])
    assert held_out_accuracy(Reader(2), by_hand(VECTORS, predicted, labels, [2])).all_steps == 0.5


def test_recorded_actions_are_executed_and_not_the_demonstrated_or_predicted_ones() -> None:
    model, states = Reader(1), np.zeros((3, 3))
    held_out = by_hand(CHOICES, states, np.array([1, 1, 1]), [3], actions=np.array([2, 0, 2]))
    held_out_accuracy(model, held_out)
    assert model.executed[:3] == [[2], [0], [2]]


@pytest.mark.parametrize(("family", "spec"), [case for case in CASES if case[0] != "hierarchical"])
def test_predictions_are_those_of_the_full_pass(family, spec) -> None:
    """Demonstrated is what the full pass predicts, but for every third step."""
    model, held_out = tiny_policy(family, spec).model, toy_sequences(spec, 1)
    model.max_seq_len = 100
    [batch] = SequenceDataset(held_out, 100, 99).in_order()
    with torch.no_grad():
        preds = model.losses(batch, torch.Generator())[1][batch.mask].numpy()
    if spec.discrete_actions:
        labels = (preds.argmax(-1) + (np.arange(len(preds)) % 3 == 0)) % 3
    else:
        labels = preds.clip(spec.action_low, spec.action_high)
        labels[::3] += 10.0
    assert held_out_accuracy(model, with_columns(held_out, labels=labels)).all_steps == pytest.approx(2 / 3, abs=0.002)


def test_options_that_were_labelled_in_hindsight_do_not_help() -> None:
    """The same under other labels; under the data's own, which the full pass is given, the accuracy is another."""
    model, held_out = tiny_policy("hierarchical", CHOICES).model, toy_sequences(CHOICES, 1)
    relabelled = replace(held_out, options=(held_out.options + 1) % 3)
    with torch.no_grad():
        for option, correction in enumerate(model.corrections):
            correction.bias[option] += 100.0  # under each option its own action
    with_labels = judge(model, SequenceDataset(replace(held_out, options=np.asarray(held_out.labels, np.int16)), 99, 4))
    assert with_labels.accuracy == 1.0
    assert held_out_accuracy(model, held_out) == held_out_accuracy(model, relabelled)
    assert held_out_accuracy(model, held_out).all_steps < 0.7
