"""Heads of several tasks: in which format losses are summed."""

import pytest
import torch

from tests.mixed import TASKS
from understudy.nn.task_heads import CoarseHead
from understudy.nn.task_spaces import TaskSpaces

IDS = torch.tensor([2, 0, 1])
ENTRIES = torch.tensor([[0.5, -0.5], [2.0, 0.0], [3.0, 0.0]])[:, None].expand(-1, 4, -1)


@torch.no_grad()
@pytest.mark.parametrize("loss", ["mse", "nll"])
def test_losses_are_float32_where_predictions_are_not(loss: str) -> None:
    torch.manual_seed(0)
    head = CoarseHead(TaskSpaces(TASKS), 6, loss)
    preds, log_std = head.predict(torch.randn(3, 4, 1, 6), IDS)
    preds = preds.bfloat16()
    found = head.step_losses(preds, log_std, ENTRIES, IDS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, head.step_losses(preds.float(), log_std, ENTRIES, IDS))
