"""What can be left out of a trained model, and which of its weights go with it.

Layer                            -- hidden units, heads or blocks that stand side by side
hidden_layers(model, wider)      -- layers of hidden units
attention_layers(model)          -- layers of heads
block_layers(model)              -- the blocks of each trunk
within(name)                     -- a module's name in its part of the model

N members of a layer.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from understudy.nn.attention import WindowedAttention
from understudy.nn.linear_attention import LinearAttention
from understudy.nn.trunk import Trunk

NOBODY = -1


@dataclass(frozen=True)
class Layer:
    """N members of which some may be left out.

    A member's output reaches the rest of the model through the columns that are its own alone: with these at zero it is as if it
    were not there.

    Attributes:
        name: of the module, as in `named_modules`.
        count: N.
        rows: by the names of tensors that compute members, whose each row is, (rows,) int64; NOBODY's stay.
        columns: by the names of tensors that read members, whose each column is, (columns,) int64; a vector has one column.
    """

    name: str
    count: int
    rows: dict[str, Tensor] = field(default_factory=dict)
    columns: dict[str, Tensor] = field(default_factory=dict)


def hidden_layers(model: nn.Module, wider: nn.Module) -> list[Layer]:
    """Layers of hidden units, told by what is more in a model that is built alike, with more units.

    A linear layer with more outputs computes units; those after it with more inputs, in the order in which the model was put
    together, read them.

    Raises:
        ValueError: something reads units that no layer before it computes.
    """
    layers: list[Layer] = []
    other = dict(wider.named_modules())
    for name, module in model.named_modules():
        more = other[name]
        if not (isinstance(module, nn.Linear) and isinstance(more, nn.Linear)):
            continue
        if more.in_features > module.in_features:
            if not layers or layers[-1].count != module.in_features:
                raise ValueError(f"{name}: expected a layer before it that computes its {module.in_features} inputs")
            layers[-1].columns[f"{name}.weight"] = torch.arange(module.in_features)
        if more.out_features > module.out_features:
            kinds = ("weight",) if module.bias is None else ("weight", "bias")
            units = torch.arange(module.out_features)
            layers.append(Layer(name, len(units), {f"{name}.{kind}": units for kind in kinds}))
    return layers


def attention_layers(model: nn.Module) -> list[Layer]:
    """The heads of each attention.

    Where several heads of queries share keys and values, a member is the whole group; where all share them, it is a head of
    queries, and keys and values are nobody's.
    """
    layers = []
    for name, attention in model.named_modules():
        if isinstance(attention, WindowedAttention | LinearAttention):
            heads, groups = attention.num_heads, attention.num_kv_heads
            of_head = torch.arange(heads) if groups == 1 else torch.arange(heads) // (heads // groups)
            of_keys = torch.full((1,), NOBODY) if groups == 1 else torch.arange(groups)
            # The rows of qkv_proj are all queries, all keys, all values.
            rows = torch.cat([of_head, of_keys, of_keys]).repeat_interleave(attention.head_dim)
            columns = of_head.repeat_interleave(attention.head_dim)
            count = int(of_head[-1]) + 1
            layers.append(
                Layer(name, count, {f"{name}.qkv_proj.weight": rows}, {f"{name}.output_proj.weight": columns})
            )
    return layers


def block_layers(model: nn.Module) -> list[Layer]:
    """The blocks of each trunk; one that adds nothing to its tokens is as good as not there."""
    layers, tensors = [], model.state_dict()
    for name, trunk in model.named_modules():
        if isinstance(trunk, Trunk):
            added = {
                f"{name}.blocks.{number}.{last}": number
                for number in range(len(trunk.blocks))
                for last in ("attention.output_proj.weight", "down_proj.weight", "down_proj.bias")
            }
            columns = {key: torch.full((as_matrix(tensors[key]).shape[1],), number) for key, number in added.items()}
            layers.append(Layer(name, len(trunk.blocks), {}, columns))
    return layers


def as_matrix(weights: Tensor) -> Tensor:
    """A vector as a matrix of one column."""
    return weights if weights.ndim == 2 else weights[:, None]


def within(name: str) -> str:
    """A module's name within the part of the model that it is in: a target network has the names of its network."""
    return name.partition(".")[2] or name
