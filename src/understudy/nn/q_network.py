"""A causal transformer that says what each action is worth.

B rows, T steps, S state, N entries of an action, K heads, V values of an entry, D width.

Tokens: s_0, the N entries of a_0, s_1, ... What each value of an action's first entry is worth comes from the token of s_t, and
of a further entry from that of the entry before it, so that the best action is found one entry after the other, not among V^N
(Chebotar et al., 2023). None sees an entry that it tells of.
"""

import torch
from torch import Tensor, nn

from understudy.nn.action_entries import ActionEntries
from understudy.nn.embeddings import StateEmbedding
from understudy.nn.interleave import interleave
from understudy.nn.q_options import QOptions
from understudy.nn.state_autoencoder import StateAutoencoder
from understudy.nn.trunk import Trunk


class QNetwork(nn.Module):
    """Action values, by K heads on one trunk.

    Args:
        state_dim: S.
        entries: of an action.
        trunk: over the tokens.
        options: of which state_differences, difference_scale, bottleneck_dim and num_heads_of_values are read.
    """

    def __init__(self, state_dim: int, entries: ActionEntries, trunk: Trunk, options: QOptions) -> None:
        super().__init__()
        self.entries, self.num_heads = entries, options.num_heads_of_values
        differences = (options.state_differences, options.difference_scale)
        self.embed_state: StateEmbedding | StateAutoencoder = (
            StateEmbedding(state_dim, trunk.embed_dim, *differences)
            if options.bottleneck_dim is None
            else StateAutoencoder(state_dim, trunk.embed_dim, options.bottleneck_dim, *differences)
        )
        self.embed_entries = nn.Embedding(entries.count * entries.num_values, trunk.embed_dim)
        self.trunk = trunk
        self.heads = nn.ModuleList(
            nn.Linear(trunk.embed_dim, self.num_heads * entries.num_values) for _ in range(entries.count)
        )

    @property
    def tokens_per_step(self) -> int:
        """1 + N."""
        return 1 + self.entries.count

    def forward(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Values (B, T, N, K, V), float32, of all values of each entry, given the entries before it.

        Args:
            states: (B, T, S), normalised.
            tokens: (B, T, N) int64, of the executed actions.
        """
        embedded = [self.embed_state(states), *(self.embed_entry(tokens[..., n], n) for n in range(self.entries.count))]
        stream = interleave(embedded)
        if self.entries.count == 1:
            return self.values(self.trunk(*stream, token=0), 0)[:, :, None]
        features = self.trunk(*stream).unflatten(1, (-1, self.tokens_per_step))  # (B, T, 1 + N, D)
        return torch.stack([self.values(features[:, :, n], n) for n in range(self.entries.count)], dim=2)

    def embed_entry(self, tokens: Tensor, entry: int) -> Tensor:
        """Embedded tokens (..., D) of tokens (...) int64 of this entry."""
        return self.embed_entries(tokens + entry * self.entries.num_values)

    def values(self, features: Tensor, entry: int) -> Tensor:
        """Values (..., K, V), float32, of this entry, from features (..., D) of the token before it."""
        return self.heads[entry](features).float().unflatten(-1, (self.num_heads, self.entries.num_values))
