"""Structured pruning: a smaller policy out of a trained one, without some of its hidden units, heads or blocks.

leave_out(policy, kind, share, batches, where) -- the smaller policy, an ordinary one of its family
find_layers(policy, kind, where)               -- what there is of a kind
without(model, layers, dropped)                -- a model that the smaller one equals: the full one with outputs at zero

The same share of the members goes from every layer, the least important ones, so that a family's constructor still says all of
the shape: hidden_dim, num_heads with num_kv_heads and head_dim, num_layers. N members of a layer.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from understudy.errors import ParameterError
from understudy.nn.attention import WindowedAttention
from understudy.nn.linear_attention import LinearAttention
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.pruning.importance import importance
from understudy.pruning.layers import NOBODY, Layer, as_matrix, attention_layers, block_layers, hidden_layers, within
from understudy.sequences.batch import Batch

Kind = Literal["layers", "heads", "units"]
KINDS: tuple[Kind, ...] = ("layers", "heads", "units")  # in this order, so that importance is that of what is left
UNITS = "hidden_dim"  # the argument of a constructor that says how many units a hidden layer has
TOLERANCE = 1e-3  # of a loss; the smaller model sums fewer numbers, in another order


def leave_out(policy: TrainedPolicy, kind: Kind, share: float, batches: Sequence[Batch], where: str) -> TrainedPolicy:
    """The policy without this share of its units, heads or layers, rounded to whole ones.

    Args:
        policy: it; left as it is.
        kind: "units" of the hidden layers, "heads" of the attention (whole groups, where several share keys), or "layers".
        share: at least 0, below 1.
        batches: of training steps on the model's device, by which importance is told.
        where: what messages begin with.

    Raises:
        ParameterError: the family has nothing of that kind, or nothing would be left of a layer.
    """
    model: Any = policy.model
    layers = find_layers(policy, kind, where)
    count = layers[0].count
    left = count - round(share * count)
    if left < 1:
        raise ParameterError(f"{where}.{kind}: expected a share that leaves one of {count} at least, got {share:g}")
    if left == count:
        return policy
    dropped = _least_important(layers, importance(model, layers, batches), count - left, f"{where}.{kind}")
    config = policy.config | _shape(kind, model, left)
    smaller = build_model(policy.family, config, policy.interface, where)
    tensors = _without_blocks(model, layers, dropped) if kind == "layers" else _without_members(model, layers, dropped)
    try:
        smaller.load_state_dict(tensors)
    except RuntimeError:  # other tensors depend on the size than those of linear layers
        raise ParameterError(f"{where}.{kind}: expected a family of linear layers, got {policy.family}") from None
    smaller.to(batches[0].mask.device).eval()
    _check_equal(without(model, layers, dropped), smaller, batches[0], f"{where}.{kind}")
    return TrainedPolicy(smaller, policy.family, config, policy.interface, policy.provenance)


def find_layers(policy: TrainedPolicy, kind: Kind, where: str) -> list[Layer]:
    """The layers that have members of this kind; ParameterError where there are none."""
    model: Any = policy.model
    layers: list[Layer] = []
    if kind == "layers":
        layers = block_layers(model)
    elif kind == "heads":
        layers = attention_layers(model)
    elif UNITS in policy.config:
        config = policy.config | {UNITS: policy.config[UNITS] + 1}
        layers = hidden_layers(model, build_model(policy.family, config, policy.interface, where))
    if not layers:
        raise ParameterError(f"{where}.{kind}: expected a family that has {kind}, got {policy.family}, which has none")
    return layers


def without(model: Any, layers: list[Layer], dropped: list[Tensor]) -> Any:
    """A copy of the model in which the dropped members of each layer, (N,) bool, put nothing out."""
    copied = copy.deepcopy(model)
    tensors = copied.state_dict()  # in the copy's own memory
    for layer, gone in zip(layers, dropped, strict=True):
        for name, owners in layer.columns.items():
            as_matrix(tensors[name])[:, gone[owners]] = 0.0
    return copied


def _least_important(layers: list[Layer], scores: list[Tensor | None], count: int, where: str) -> list[Tensor]:
    """Which `count` members of each layer go, (N,) bool; a copy that follows its original loses the same as that."""
    dropped = {}
    for layer, score in zip(layers, scores, strict=True):
        if score is not None:
            gone = torch.zeros(layer.count, dtype=torch.bool)
            gone[score.argsort(stable=True)[:count]] = True
            dropped[within(layer.name)] = gone
    for layer in layers:
        if within(layer.name) not in dropped:
            raise ParameterError(f"{where}: expected {layer.name} to learn, or to be a copy of what does, got neither")
    return [dropped[within(layer.name)] for layer in layers]


def _shape(kind: Kind, model: nn.Module, left: int) -> dict[str, int]:
    """The constructor's arguments that say how many members are left."""
    if kind == "units":
        return {UNITS: left}
    if kind == "layers":
        return {"num_layers": left}
    attention = next(module for module in model.modules() if isinstance(module, WindowedAttention | LinearAttention))
    groups, shared = attention.num_kv_heads, attention.num_heads // attention.num_kv_heads
    heads = (
        {"num_heads": left, "num_kv_heads": 1} if groups == 1 else {"num_heads": left * shared, "num_kv_heads": left}
    )
    return {**heads, "head_dim": attention.head_dim}


def _without_members(model: nn.Module, layers: list[Layer], dropped: list[Tensor]) -> dict[str, Tensor]:
    """The model's tensors without the rows and columns of the dropped members."""
    tensors = model.state_dict()
    for layer, gone in zip(layers, dropped, strict=True):
        for dimension, owned in enumerate((layer.rows, layer.columns)):
            for name, owners in owned.items():
                stays = torch.nonzero((owners == NOBODY) | ~gone[owners])[:, 0]
                tensors[name] = tensors[name].index_select(dimension, stays.to(tensors[name].device))
    return tensors


def _without_blocks(model: nn.Module, layers: list[Layer], dropped: list[Tensor]) -> dict[str, Tensor]:
    """The model's tensors without those of the dropped blocks; the others are numbered anew."""
    tensors = model.state_dict()
    for trunk, gone in zip(layers, dropped, strict=True):
        start = f"{trunk.name}.blocks."
        numbers = {str(old): new for new, old in enumerate(torch.nonzero(~gone)[:, 0].tolist())}
        kept = {}
        for name, tensor in tensors.items():
            number, _, rest = name.removeprefix(start).partition(".")
            if not name.startswith(start):
                kept[name] = tensor
            elif number in numbers:
                kept[f"{start}{numbers[number]}.{rest}"] = tensor
        tensors = kept
    return tensors


@torch.no_grad()
def _check_equal(zeroed: Any, smaller: Any, batch: Batch, where: str) -> None:
    """Raise a ParameterError where a batch costs another loss than with the dropped members' outputs at zero."""
    expected, got = (float(model.eval().losses(batch, torch.Generator()).objective()) for model in (zeroed, smaller))
    if not math.isclose(expected, got, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        raise ParameterError(
            f"{where}: expected a family that is the same without what its own weights ignore,"
            f" got a loss of {got:g} instead of {expected:g}"
        )
