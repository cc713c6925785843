"""Trains every family on toy sequences, in one process or in each of several that do it together.

Episodes are cut by the clock and rows end early, so that the processes' rows differ in what counts.
"""

from pathlib import Path

import numpy as np
import torch

from tests.builders import CHOICES
from tests.toys import tiny_policy
from tests.training.test_device import CASES as FAMILY_CASES
from tests.training.test_device import toy_sequences, with_dropout
from tests.training.test_loop import parameters
from understudy.training import distributed
from understudy.training.loop import train

# Batches of one chunk leave a process without rows; those of seven divide unevenly, and an epoch's last one holds fewer.
CASES = [(family, spec, 7) for family, spec in FAMILY_CASES] + [("hierarchical", CHOICES, 1)]


def train_families(folder: Path) -> None:
    """Write curves and weights to RANK.npz in a folder."""
    # Some gradients are longer than what is allowed and some are not: neither Adam nor clipping hides one of a wrong length.
    params = parameters(steps=12, evaluate_every=4, chunk_length=16, max_grad_norm=2.0)
    results = {}
    with distributed.process_group("cpu"):
        for family, spec, batch_size in CASES:
            model = with_dropout(tiny_policy(family, spec).model.train())
            training, held_out = toy_sequences(spec, 0), toy_sequences(spec, 1)
            sized = params.model_copy(update={"batch_size": batch_size})
            outcome = train(model, training, held_out, sized, seed=0, name="toy")
            case = f"{family} {spec.environment_id} {batch_size}"
            results[f"{case} curve"] = np.asarray([list(row.values()) for row in outcome.curve])
            results[f"{case} weights"] = torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy()
        np.savez(folder / f"{distributed.rank()}.npz", **results)
