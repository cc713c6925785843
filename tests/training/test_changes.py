"""Accuracy at changes, with models whose predictions are written into the states; the shares are counted by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.builders import CHOICES, VECTORS, by_hand
from understudy.sequences.batch import Batch
from understudy.training.changes import change_accuracy

LABELS = np.array([0, 0, 1, 1, 2, 2, 2, 0, 1, 1, 0])  # changes at steps 2, 4, 7 and 10; step 8 begins an episode
LENGTHS = [8, 3]


class Reader(nn.Module):
    """Predicts what the states' first entries say: a choice, or a vector."""

    def __init__(self, entries: int) -> None:
        super().__init__()
        self.entries = entries
        self.weight = nn.Parameter(torch.zeros(1))

    def losses(self, batch: Batch, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        read = batch.states[..., : self.entries]
        preds = nn.functional.one_hot(read[..., 0].long(), 3).float() if self.entries == 1 else read
        return {"action": self.weight.sum(), "value": self.weight.sum()}, preds


def judge_choices(predicted: np.ndarray, labels: np.ndarray = LABELS, chunk_length: int = 64) -> float | None:
    states = np.stack([predicted, np.zeros(len(predicted)), np.zeros(len(predicted))], axis=1)
    return change_accuracy(Reader(1), by_hand(CHOICES, states, labels, LENGTHS), chunk_length, 4)


@pytest.mark.parametrize("chunk_length", [2, 3, 5, 64])
def test_right_predictions_count_where_the_action_changes_and_nowhere_else(chunk_length: int) -> None:
    """Right at the changes 2, 7 and 10 and wrong at 4; what is predicted elsewhere, mostly wrong, does not matter."""
    predicted = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    assert judge_choices(predicted, chunk_length=chunk_length) == 0.75


@pytest.mark.parametrize("chunk_length", [2, 64])
def test_a_copier_has_none_right_and_an_oracle_all(chunk_length: int) -> None:
    assert judge_choices(np.roll(LABELS, 1), chunk_length=chunk_length) == 0.0
    assert judge_choices(LABELS, chunk_length=chunk_length) == 1.0


def test_where_nothing_changes_there_is_no_accuracy() -> None:
    labels = np.array([1] * 8 + [2] * 3)
    assert judge_choices(labels, labels) is None


def test_vectors_change_beyond_a_tenth_of_the_range_in_any_entry() -> None:
    """The ranges are 2 and 2.5. Steps 1 and 3 change, by 0.3 and by 0.5; step 2 by 0.1 only. Step 1 is predicted 0.1 off."""
    labels = np.array([[0.0, 0.0], [0.3, 0.0], [0.4, 0.0], [0.4, -0.5]])
    predicted = np.array([[0.9, 0.0, 0], [0.4, 0.0, 0], [0.9, 0.0, 0], [0.4, 0.0, 0]])
    assert change_accuracy(Reader(2), by_hand(VECTORS, predicted, labels, [4]), 64, 4) == 0.5
