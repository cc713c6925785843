"""Compression: the smallest weights of a model are set to zero. It is stored in less, and takes as long a step.

zero_smallest(model, sparsity) -- by torch.nn.utils.prune, over all linear layers together
keep_zeros(model)              -- training then leaves them at zero
count_numbers(model)           -- how many of its numbers are not zero
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from understudy.pruning.layers import within


def zero_smallest(model: nn.Module, sparsity: float) -> None:
    """Set this share of the weights of all linear layers that learn to zero, in place, those nearest to it; biases stay.

    A target network, which does not learn but follows a network that does, loses the weights that this one loses.
    """
    learning = _linear(model)
    layers = [(module, "weight") for module in learning.values()]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=float(sparsity))
    for module, name in layers:
        prune.remove(module, name)  # the weights are ordinary ones again
    kept = {within(name): module.weight.detach() != 0 for name, module in learning.items()}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name not in learning and within(name) in kept:
            module.weight.mul_(kept[within(name)])


def keep_zeros(model: nn.Module) -> None:
    """Let no gradient reach those weights of the linear layers that are zero now; AdamW then leaves them where they are."""
    for module in _linear(model).values():
        module.weight.register_hook(partial(torch.mul, module.weight.detach() != 0))


def count_numbers(tensors: dict[str, Tensor]) -> int:
    """How many numbers of a model's tensors are not zero."""
    return sum(int(torch.count_nonzero(tensor)) for tensor in tensors.values())


def _linear(model: nn.Module) -> dict[str, nn.Linear]:
    """Linear layers that learn, by name; the weights of a target network are buffers."""
    modules = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    return {
        name: module for name, module in modules.items() if "weight" in dict(module.named_parameters(recurse=False))
    }
