"""What a text says up to each of its steps.

TextEncoder -- steps of a text as tokens of a trunk, and what it makes of them

A step of a text is what was written since the step before: a token of the player's and the task's reply to it, as zeros and ones
(tasks/recording.py). Its token is the sum of a vector for each of them, so that a text takes as many tokens as the player wrote.
They are normalised as all observations are: what is seldom written counts for more, and is learned from sooner.

B rows, T steps, S components of a step, D width.
"""

import torch
from torch import Tensor, nn

from understudy.nn.hub_trunk import HubCache, HubTrunk
from understudy.nn.row_memory import RowMemory
from understudy.nn.trunk import Trunk
from understudy.step import Step


class TextEncoder(nn.Module):
    """Features of texts, which see all of it up to a step within the trunk's context.

    Args:
        state_dim: S.
        trunk: over the tokens, or another model in its place.
    """

    def __init__(self, state_dim: int, trunk: Trunk | HubTrunk) -> None:
        super().__init__()
        self.embed = nn.Linear(state_dim, trunk.embed_dim)
        self.trunk = trunk

    @property
    def burn_in(self) -> int:
        """Steps that a piece of a text shows before those that count, since a text is not understood without its beginning.

        Without a window no number of them is enough: there pieces should be whole texts.
        """
        context = self.trunk.context
        return 1 if context is None else context

    def forward(self, states: Tensor) -> Tensor:
        """Features (B, T, D) of normalised steps (B, T, S)."""
        tokens = self.embed(states)
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
        tokens = self.embed(step.observation)
        if isinstance(self.trunk, HubTrunk):
            assert isinstance(memory.cache, HubCache)
            return self.trunk.decode_step(tokens, memory.cache)
        features = self.trunk.decode_step(tokens[:, None], (0,), memory.kv_cache)
        memory.kv_cache.end_step()
        return features
