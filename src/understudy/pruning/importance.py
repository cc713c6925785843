"""How much a model would lose with each member of its layers, to first order.

After Molchanov et al. (2019), "Importance Estimation for Neural Network Pruning": with a gate z = 1 on a member's output, the
square of the change of the loss E where it shuts is (dE/dz)^2; here a mean over batches. Where the output is read by weights that
are the member's own, dE/dz is the sum of these weights times their gradients.

N members of a layer.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from understudy.pruning.layers import Layer, as_matrix
from understudy.sequences.batch import Batch


def importance(model: Any, layers: list[Layer], batches: Iterable[Batch]) -> list[Tensor | None]:
    """Of each layer the members' importance, (N,) float64; None of one that does not learn, but follows another.

    Args:
        model: a family's module, in evaluation mode, so that nothing is dropped at random.
        layers: of it.
        batches: of training steps, at least one.
    """
    learned = dict(model.named_parameters())
    scores = [torch.zeros(layer.count).double() if layer.columns.keys() <= learned.keys() else None for layer in layers]
    names = [name for layer, score in zip(layers, scores, strict=True) if score is not None for name in layer.columns]
    count = 0
    for batch in batches:
        objective = model.losses(batch, torch.Generator()).objective()
        gradients = torch.autograd.grad(objective, [learned[name] for name in names], allow_unused=True)
        products = {
            name: as_matrix(learned[name].detach() * gradient).sum(0).cpu().double()  # (columns,)
            for name, gradient in zip(names, gradients, strict=True)
            if gradient is not None
        }
        for layer, score in zip(layers, scores, strict=True):
            if score is not None:
                score += _gate_gradients(layer, products).square()
        count += 1
    return [None if score is None else score / count for score in scores]


def _gate_gradients(layer: Layer, products: dict[str, Tensor]) -> Tensor:
    """dE/dz of each member, (N,) float64, from the weights times their gradients, summed by column."""
    gates = torch.zeros(layer.count, dtype=torch.float64)
    for name in layer.columns.keys() & products.keys():
        gates.index_add_(0, layer.columns[name], products[name])
    return gates
