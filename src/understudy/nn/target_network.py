"""Target networks: copies that follow a network's weights, and that no optimizer sees.

frozen_copy(network)             -- the copy, whose weights are buffers
follow(target, network, rate)    -- bring it nearer
"""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def frozen_copy(network: Network) -> Network:
    """A copy whose weights are buffers: saved with the module that holds it, but none of its parameters."""
    copied = copy.deepcopy(network)
    for module in copied.modules():
        for name, weights in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, weights.detach().clone())
    return copied


@torch.no_grad()
def follow(target: nn.Module, network: nn.Module, rate: Tensor) -> None:
    """Move a copy by a share () of the way to the network's weights: 1 copies them (Polyak averaging; Lillicrap et al., 2016)."""
    followers = dict(target.named_buffers())
    for name, weights in network.named_parameters():
        followers[name].lerp_(weights, rate)
