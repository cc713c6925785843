"""What a sequence model remembers while it plays, row by row.

B rows, G heads of keys and values, R slots, K width of a head.

Cache      -- keys and values of the last `context` steps in a ring of slots, and the step of each slot
LayerCache -- one layer's part of it
PlayState  -- a cache and the model's own memory of each row (its last action, the option it follows, ...)

A pass of the model writes its tokens to the next slots of the ring, the same for all rows, since all rows act at once. A row
that begins a new episode only forgets the steps of its slots: it is then as if they were empty. The ring holds one step more
than the context, because a pass carries the previous step's action beside the present state, and the action looks back
one step further.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from understudy.utils.masking import create_causal_mask

EMPTY = -(10**9)  # further back than any context


@dataclass
class LayerCache:
    """Keys and values (B, G, R, K) of one layer, and where the present pass writes."""

    keys: Tensor
    values: Tensor
    slots: slice

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write the pass's keys and values (B, G, L, K) to its slots; returns those of the whole ring."""
        self.keys[:, :, self.slots] = key
        self.values[:, :, self.slots] = value
        return self.keys, self.values


class Cache:
    """Ring of keys and values for all layers.

    `step` (B,) int64 is the environment step that each row is at, `slot_steps` (B, R) the step whose token a slot holds.
    """

    def __init__(
        self,
        num_rows: int,
        *,
        num_layers: int,
        num_kv_heads: int,
        head_dim: int,
        context: int,
        tokens_per_step: int,
        dtype: torch.dtype = torch.float32,
    ):
        self.context = context
        self.num_slots = (context + 1) * tokens_per_step
        shape = (num_layers, num_rows, num_kv_heads, self.num_slots, head_dim)
        self.keys, self.values = torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype)
        self.slot_steps = torch.full((num_rows, self.num_slots), EMPTY)
        self.step = torch.zeros(num_rows, dtype=torch.int64)
        self._next_slot = 0

    def begin_pass(self, steps: Tensor, in_order: bool = False) -> tuple[list[LayerCache], Tensor]:
        """Take the next slots for tokens of `steps` (B, L), below zero for a token that does not exist (no action before step 0).

        Returns the layers' caches and the mask (B, 1, L, R), true where a token may see a slot. A token that does not exist
        sees the empty slots, itself among them, since a softmax over nothing is NaN, and is seen by none that exists. Where a
        pass has several tokens of one step, `in_order` keeps each from seeing those after it.
        """
        length = steps.shape[1]
        if self._next_slot + length > self.num_slots:
            raise ValueError(
                f"expected passes that fill the ring of {self.num_slots} slots evenly, got {length} tokens"
            )
        slots = slice(self._next_slot, self._next_slot + length)
        self._next_slot = (self._next_slot + length) % self.num_slots
        steps = torch.where(steps < 0, EMPTY, steps)
        self.slot_steps[:, slots] = steps
        age = steps[:, :, None] - self.slot_steps[:, None, :]
        allowed = (age >= 0) & (age < self.context)
        if in_order:
            allowed[:, :, slots] &= create_causal_mask(length).to(steps.device)
        layers = [LayerCache(keys, values, slots) for keys, values in zip(self.keys, self.values, strict=True)]
        return layers, allowed[:, None]

    def reset(self, rows: Tensor) -> None:
        """Forget everything of `rows` (R,) int64."""
        self.slot_steps = self.slot_steps.index_fill(0, rows, EMPTY)
        self.step = self.step.index_fill(0, rows, 0)

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` alone, in that order."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.slot_steps, self.step = self.slot_steps[rows], self.step[rows]


@dataclass
class PlayState:
    """Memory of B rows at play time: tensors (B, ...) by name, zero at an episode's start, and the cache where there is one.

    Each `group` of rows that follow one another are the agents of one environment and share a row of the cache; they begin
    and leave together. `agent_ids` (B,) int64 says which agent a row is, None in families without agents.
    """

    num_rows: int
    memory: dict[str, Tensor] = field(default_factory=dict)
    cache: Cache | None = None
    group: int = 1
    agent_ids: Tensor | None = None

    def reset(self, rows: Tensor) -> None:
        """Begin new episodes in `rows` (R,) int64; tensors are exchanged, not written to, since callers may hold them."""
        self.memory = {name: values.index_fill(0, rows, 0) for name, values in self.memory.items()}
        if self.cache is not None:
            self.cache.reset(self._cache_rows(rows))

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` alone, in that order."""
        self.num_rows = len(rows)
        self.memory = {name: values[rows] for name, values in self.memory.items()}
        if self.agent_ids is not None:
            self.agent_ids = self.agent_ids[rows]
        if self.cache is not None:
            self.cache.keep(self._cache_rows(rows))

    def _cache_rows(self, rows: Tensor) -> Tensor:
        """The cache's rows of `rows`; ValueError where they are not the whole of some groups."""
        if self.group == 1:
            return rows
        groups = rows[:: self.group] // self.group
        whole = (groups[:, None] * self.group + torch.arange(self.group, device=rows.device)).flatten()
        if not torch.equal(whole, rows):
            raise ValueError(
                f"rows: expected all {self.group} agents of each environment in order, got {rows.tolist()}"
            )
        return groups
