"""Copies that follow a network."""

import torch
from torch import nn

from understudy.nn.target_network import follow, frozen_copy


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Sequential(nn.Linear(4, 2)))
        self.target = frozen_copy(self.network)


def test_a_copy_says_the_same_and_has_no_parameters():
    holder, inputs = Holder(), torch.randn(5, 3)
    assert torch.equal(holder.target(inputs), holder.network(inputs))
    assert list(holder.target.parameters()) == []
    names = {name for name, _ in holder.network.named_parameters()}
    assert {name for name, _ in holder.target.named_buffers()} == names
    assert set(holder.state_dict()) == {f"{part}.{name}" for part in ("network", "target") for name in names}


def test_a_copy_has_weights_of_its_own():
    holder = Holder()
    before = {name: tensor.clone() for name, tensor in holder.target.state_dict().items()}
    with torch.no_grad():
        for weights in holder.network.parameters():
            weights.add_(1.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in holder.target.state_dict().items())


def test_it_moves_by_a_share_of_the_way():
    holder = Holder()
    before = {name: tensor.clone() for name, tensor in holder.target.state_dict().items()}
    with torch.no_grad():
        for weights in holder.network.parameters():
            weights.add_(1.0)
    follow(holder.target, holder.network, torch.tensor(0.25))
    for name, tensor in holder.target.state_dict().items():
        torch.testing.assert_close(tensor, before[name] + 0.25)
        assert not tensor.requires_grad
    follow(holder.target, holder.network, torch.tensor(1.0))
    assert all(
        torch.equal(tensor, weights)
        for tensor, weights in zip(holder.target.buffers(), holder.network.parameters(), strict=True)
    )
