"""Three tasks with different states and actions, for the tests of what takes several.

TASKS, MIXED               -- choices of 3 and of 4, and vectors of 2, of 3, 5 and 2 components
WITH_PICTURES, PICTURES    -- the same, but that four components of the second are a picture; and what a model is told of it
build_twins(tokens)        -- a model of two tasks that look alike, with the same weights
draw_mixed(ids, steps)     -- random states and actions of rows of these tasks
mixed_batch(ids, lengths)  -- the same as a batch
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from tests.builders import CHOICES, VECTORS
from tests.models.rows import batch_of
from tests.toys import CONFIGS, tiny_interface
from understudy.interface import Interface
from understudy.nn.task_images import read_names
from understudy.nn.task_weights import take_weights
from understudy.policies.build import build_model
from understudy.sequences.batch import Batch
from understudy.spec import EnvironmentSpec

WIDE = EnvironmentSpec("Wide-v0", {}, ("a", "b", "c", "d", "e"), 4, None, None, None)
NARROW = replace(VECTORS, components=("x", "y"))
SPECS = (CHOICES, WIDE, NARROW)
TASKS = tuple(tiny_interface(spec).task for spec in SPECS)
MIXED = Interface(TASKS)
# The second task's first components are then a picture: tokens that the others do not have.
PICTURED = replace(WIDE, components=("pixels_0", "pixels_1", "pixels_2", "pixels_3", "a"))
WITH_PICTURES = Interface((TASKS[0], tiny_interface(PICTURED).task, TASKS[2]))
PICTURES = {"image_shape": [2, 2, 1], "patch_size": 1, "patch_dim": 3}
STATE_WIDTH, ENTRY_WIDTH, ACTION_WIDTH = 5, 2, 4


def build_twins(tokens: str, **config: object) -> nn.Module:
    """A model of two tasks like the second of the three, all weights of the one the other's; of "pictures" tokens are coarse."""
    torch.manual_seed(0)
    pictures = tokens == "pictures"
    of_layout = {"tokens": "coarse", **PICTURES} if pictures else {"tokens": tokens}
    specs = [replace(PICTURED if pictures else WIDE, kwargs={"twin": number}) for number in range(2)]
    interface = Interface(tuple(tiny_interface(spec).task for spec in specs))
    config = CONFIGS["generalist"] | of_layout | {"num_bins": 12} | config
    model = build_model("generalist", config, interface, "policies.p").eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1 and weights.requires_grad:
                weights.add_(torch.randn_like(weights), alpha=0.4)
    own, read = model.state_dict(), read_names(interface.tasks)
    model.load_state_dict(take_weights(own, own, (0, 0), (read, read))[0])
    return model


def draw_mixed(task_ids: Tensor, steps: int, seed: int = 1, padding: float = 0.0) -> tuple[Tensor, Tensor]:
    """States (B, T, 5) and actions (B, T, 2), with this number where a task has none."""
    torch.manual_seed(seed)
    states, entries = torch.randn(len(task_ids), steps, STATE_WIDTH), torch.zeros(len(task_ids), steps, ENTRY_WIDTH)
    for row, number in enumerate(task_ids.tolist()):
        task = TASKS[number]
        states[row, :, task.state_dim :] = padding
        if task.discrete_actions:
            entries[row, :, 0] = torch.randint(task.action_dim, (steps,)).float()
        else:
            entries[row] = 2 * torch.rand(steps, task.action_dim) - 1
        entries[row, :, task.num_entries :] = padding
    return states, entries


def mixed_batch(task_ids: Tensor, lengths: list[int], padding: float = 0.0) -> Batch:
    """Rows of these tasks, whose labels are others than the executed actions."""
    steps = max(lengths)
    states, executed = draw_mixed(task_ids, steps, 1, padding)
    _, labels = draw_mixed(task_ids, steps, 2, padding)
    return batch_of(torch.tensor(lengths), observation=states, action=executed, label=labels, task=task_ids)
