"""A policy whose linear layers multiply in eight bits: torch's dynamic quantisation.

with_int8(policy)             -- the policy so, in memory; on disk there is no such policy
load_int8_actor(folder, play) -- one that plays

Whether this is faster depends on the processor and on how many rows act together: pruning/timing.py measures it. What comes
out depends on the processor too.
"""

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from understudy.policies.actor import PolicyActor
from understudy.policies.files import TrainedPolicy, load_trained


class Int8Linear(nn.Module):
    """A quantised layer; `weight`, empty, has the number format of what goes in and comes out, for which callers look there."""

    weight: Tensor

    def __init__(self, quantised: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.quantised = quantised
        self.register_buffer("weight", torch.empty(0, dtype=dtype), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in) times the weights, (..., out)."""
        return self.quantised(x)


def with_int8(policy: TrainedPolicy) -> TrainedPolicy:
    """A copy with weights of eight bits; inputs are rounded to as many, by their range, as they come."""
    model: Any = copy.deepcopy(policy.model)
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    with warnings.catch_warnings():  # torch has moved this to a library of its own, and says so each time
        warnings.simplefilter("ignore")
        quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    for name, module in linear.items():
        parent, _, last = name.rpartition(".")
        setattr(
            quantised.get_submodule(parent),
            last,
            Int8Linear(quantised.get_submodule(name), module.weight.dtype),
        )
    return TrainedPolicy(quantised.eval(), policy.family, policy.config, policy.interface, policy.provenance)


def load_int8_actor(folder: Path, play: Mapping[str, Any]) -> PolicyActor:
    """Load a policy to play in a worker process on one thread, as `load_actor`, with matrices of eight bits."""
    torch.set_num_threads(1)
    return PolicyActor(with_int8(load_trained(folder)), play)
