"""Steps of tokens, embedded.

StepEmbedding -- a vector for each token, and what the last whole state adds to it

B rows, T steps, S state, M tokens a step, V vocabulary, D width. Positions 0 to S - 1 of a step are its state's.

Each token is also told the last state that is whole when its successor is predicted, as one linear map of its numbers: the trunk
would first have to learn to put it together from its components.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.nn.bin_vectors import BinEmbedding


class StepEmbedding(nn.Module):
    """Embeds tokens at their positions.

    Args:
        state_dim: S.
        tokens_per_step: M.
        vocabulary: V.
        embed_dim: D.
    """

    def __init__(self, state_dim: int, tokens_per_step: int, vocabulary: int, embed_dim: int) -> None:
        super().__init__()
        self.state_dim, self.tokens_per_step, self.vocabulary = state_dim, tokens_per_step, vocabulary
        self.vectors = BinEmbedding(tokens_per_step, vocabulary, embed_dim)
        self.state_maps = nn.Parameter(torch.randn(tokens_per_step, state_dim, embed_dim) * state_dim**-0.5)

    def forward(self, tokens: Tensor, states: Tensor) -> Tensor:
        """Embedded tokens (B, T, M, D) of whole rows: tokens (B, T, M), and the states (B, T, S) among them."""
        previous = functional.pad(states[:, :-1], (0, 0, 1, 0))  # zero before a row's first step
        before, after = self.state_dim - 1, self.tokens_per_step - self.state_dim + 1
        unfinished = previous[:, :, None].expand(-1, -1, before, -1)
        return self._embed(tokens, torch.cat([unfinished, states[:, :, None].expand(-1, -1, after, -1)], dim=2))

    def present(self, tokens: Tensor, previous: Tensor, states: Tensor) -> Tensor:
        """Embedded tokens (B, M, D): those of the present states (B, S), and those of the steps before, whose states were others.

        Args:
            tokens: (B, M), of the present states, and of the actions and rewards before them.
            previous: (B, S), the states a step ago; zero where an episode begins.
            states: (B, S), the present ones.
        """
        whole = previous[:, None].repeat(1, self.tokens_per_step, 1)  # (B, M, S)
        whole[:, self.state_dim - 1] = states
        return self._embed(tokens, whole)

    def at(self, tokens: Tensor, position: int, states: Tensor) -> Tensor:
        """Embedded tokens (..., D) of tokens (...) at one position, after the last whole states (..., S)."""
        return functional.embedding(tokens, self.vectors.at(position)) + states @ self.state_maps[position]

    def _embed(self, tokens: Tensor, whole: Tensor) -> Tensor:
        """Tokens (..., M) with the last whole state of each (..., M, S)."""
        places = tokens + self.vocabulary * torch.arange(self.tokens_per_step, device=tokens.device)
        embedded = functional.embedding(places, self.vectors().flatten(0, 1))
        return embedded + torch.einsum("...ms,msd->...md", whole, self.state_maps)
