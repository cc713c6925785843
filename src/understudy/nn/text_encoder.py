"""What a text says up to each of its steps.

TextEncoder -- steps of a text as tokens of a trunk, and what it makes of them

A step of a text is what was written since the step before: a token of the player's and the task's reply to it, as zeros and ones
(tasks/recording.py). Its token is the sum of a vector for each of them, so that a text takes as many tokens as the player wrote.

B rows, T steps, S components of a step, D width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from understudy.nn.cache import RowMemory
from understudy.nn.hub_trunk import HubCache, HubTrunk
from understudy.nn.trunk import Trunk
from understudy.step import Step

TokenScale = tuple[Sequence[float], Sequence[float]]
EMBEDDING_STD = 0.3  # of the vectors; about three of them are summed in a step


class TextEncoder(nn.Module):
    """Features of texts, which see all of it up to a step within the trunk's context.

    Args:
        state_scale: mean and standard deviation (S,) by which steps have been normalised. This is undone: of tokens that are
            seldom written, the vectors would otherwise be learned many times as fast as those of others.
        trunk: over the tokens, or another model in its place.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, state_scale: TokenScale, trunk: Trunk | HubTrunk) -> None:
        super().__init__()
        mean, std = (torch.tensor(numbers, dtype=torch.float32) for numbers in state_scale)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.embed = nn.Linear(len(mean), trunk.embed_dim)
        nn.init.normal_(self.embed.weight, std=EMBEDDING_STD)
        self.trunk = trunk

    def forward(self, states: Tensor) -> Tensor:
        """Features (B, T, D) of normalised steps (B, T, S)."""
        tokens = self._tokens(states)
        if isinstance(self.trunk, HubTrunk):
            return self.trunk(tokens)
        return self.trunk(tokens, torch.arange(states.shape[1], device=states.device), 1)

    def begin(self, num_rows: int) -> RowMemory:
        """An empty cache for so many texts."""
        if isinstance(self.trunk, HubTrunk):
            return RowMemory(num_rows, cache=self.trunk.new_cache(num_rows))
        return RowMemory(num_rows, cache=self.trunk.new_cache(num_rows, 1))

    def decode_step(self, memory: RowMemory, step: Step[Tensor]) -> Tensor:
        """Features (B, D) of the present steps, which join the cache."""
        tokens = self._tokens(step.observation)
        if isinstance(self.trunk, HubTrunk):
            assert isinstance(memory.cache, HubCache)
            return self.trunk.decode_step(tokens, memory.cache)
        features = self.trunk.decode_step(tokens[:, None], (0,), memory.kv_cache)
        memory.kv_cache.end_step()
        return features

    def _tokens(self, states: Tensor) -> Tensor:
        return self.embed(states * self.std + self.mean)
