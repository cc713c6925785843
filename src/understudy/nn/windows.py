"""A window of states, whitened: the state and its finite differences, each in its usual size.

Neighbouring states are nearly the same, so a model that is shown them side by side hardly learns what differs between them, which
is how fast the state moves. Differences are combinations of the same states that say it outright.

B rows, T steps, K orders of differences, S state.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.nn.row_memory import RowMemory
from understudy.scales import DIFFERENCE_ORDERS
from understudy.step import Step


class StateWindow(nn.Module):
    """A state's features: itself, then the differences of orders 1 to K, over the K states before it.

    Order 1 is the change since the step before, order 2 the change of that change, and so on. An order is zero until the episode
    has the steps for it. Were its first state repeated instead, its first change would enter order 2 as if it had come all at
    once, tens of times as large as any later one.

    Args:
        state_dim: S.
        orders: K; 0 for the state alone.
        difference_scale: K or more rows (S,), the usual size of a normalised state's differences of each order, which are much
            smaller than the state; None for one.

    Attributes:
        width: (K + 1) * S, how many features there are.
        burn_in: how many states a row has to show before a step for that step's features to be right, where the row does not
            begin with the episode; at least 1.

    Raises:
        ValueError: there is no such order, or difference_scale is of another shape.
    """

    difference_scale: Tensor

    def __init__(self, state_dim: int, orders: int, difference_scale: Sequence[Sequence[float]] | None = None) -> None:
        super().__init__()
        if not 0 <= orders <= DIFFERENCE_ORDERS:
            raise ValueError(f"state_differences: expected from 0 to {DIFFERENCE_ORDERS} orders, got {orders}")
        scale = torch.ones(orders, state_dim) if difference_scale is None else torch.tensor(difference_scale)
        if scale.shape != (len(scale), state_dim) or len(scale) < orders:
            raise ValueError(
                f"difference_scale: expected {orders} rows of {state_dim} numbers, got shape {tuple(scale.shape)}"
            )
        self.state_dim, self.orders = state_dim, orders
        self.width, self.burn_in = (orders + 1) * state_dim, max(1, orders)
        self.register_buffer("difference_scale", scale[:orders], persistent=False)

    def forward(self, states: Tensor) -> Tensor:
        """Features (..., T, (K + 1) * S) of rows of states (..., T, S), each as if it began with its episode."""
        features, differences = [states], states
        for order, scale in enumerate(self.difference_scale, start=1):
            differences = differences[..., 1:, :] - differences[..., :-1, :]  # (..., T - order, S)
            features.append(functional.pad(differences / scale, (0, 0, order, 0))[..., : states.shape[-2], :])
        return torch.cat(features, dim=-1)

    def begin(self, num_rows: int) -> dict[str, Tensor]:
        """What `decode_step` remembers: the last K states (B, K, S), the latest first, and how many the episode has had (B,)."""
        if self.orders == 0:
            return {}
        states = torch.zeros(num_rows, self.orders, self.state_dim)
        return {"earlier_states": states, "num_earlier": torch.zeros(num_rows, dtype=torch.int64)}

    def decode_step(self, memory: RowMemory, step: Step[Tensor]) -> Tensor:
        """Features (B, (K + 1) * S) of the present states, which are remembered."""
        if self.orders == 0:
            return step.observation
        num_earlier = memory.tensors["num_earlier"]
        window = torch.cat([step.observation[:, None], memory.tensors["earlier_states"]], dim=1)  # (B, K + 1, S)
        memory.tensors |= {"earlier_states": window[:, :-1], "num_earlier": num_earlier + 1}
        features, differences = [step.observation], window
        for order, scale in enumerate(self.difference_scale, start=1):
            differences = differences[:, :-1] - differences[:, 1:]  # (B, K + 1 - order, S)
            features.append((differences[:, 0] / scale).masked_fill((num_earlier < order)[:, None], 0.0))
        return torch.cat(features, dim=-1)
