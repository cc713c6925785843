"""A state's token by way of a narrow code, from which the state can be told again.

B rows, T steps, S state, C code, D width.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from understudy.nn.row_memory import RowMemory
from understudy.nn.windows import StateWindow
from understudy.step import Step


class StateAutoencoder(nn.Module):
    """Embeds states as StateEmbedding does, but all that a token knows of its state passes through C numbers.

    Args:
        state_dim: S.
        embed_dim: D.
        bottleneck_dim: C.
        orders: of differences, as of a StateWindow.
        difference_scale: their usual sizes, as of a StateWindow.

    Raises:
        ValueError: as of a StateWindow.
    """

    def __init__(
        self,
        state_dim: int,
        embed_dim: int,
        bottleneck_dim: int,
        orders: int,
        difference_scale: Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        self.window = StateWindow(state_dim, orders, difference_scale)
        self.encode = nn.Sequential(
            nn.Linear(self.window.width, embed_dim), nn.GELU(), nn.Linear(embed_dim, bottleneck_dim)
        )
        self.project = nn.Linear(bottleneck_dim, embed_dim)
        self.reconstruct = nn.Sequential(
            nn.Linear(bottleneck_dim, embed_dim), nn.GELU(), nn.Linear(embed_dim, state_dim)
        )

    def forward(self, states: Tensor) -> Tensor:
        """Tokens (..., T, D) of rows of states (..., T, S)."""
        return self.project(self.encode(self.window(states)))

    def errors(self, states: Tensor) -> Tensor:
        """How far what the codes tell is from the states (..., T, S): (..., T), squares averaged over the components."""
        return (self.reconstruct(self.encode(self.window(states))).float() - states).square().mean(-1)

    def decode_step(self, memory: RowMemory, step: Step[Tensor]) -> Tensor:
        """Tokens (B, D) of the present states, which are remembered in what `window.begin` has put into the memory."""
        return self.project(self.encode(self.window.decode_step(memory, step)))
