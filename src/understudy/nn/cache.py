"""What a sequence model remembers while it plays, row by row.

B rows, G heads of keys and values, R slots, K width of a head, L tokens of a pass.

LayerCache -- one layer's keys and values of the last `context` steps, in a ring of slots
Cache      -- those of all layers, and the step that each slot belongs to
PlayState  -- a cache and the model's own memory of each row (its last action, the option it follows, ...)

All rows act at once, so a pass of the model writes its tokens to the next slots of the ring, the same for all rows, and one clock
counts the steps of all of them. It never goes back: a row that begins a new episode only notes the time and forgets its slots.
Rotary positions are the clock's, which turns all rows by the same angles; attention knows the distance between two steps alone.
The ring holds one step more than the context, because a pass carries the previous step's action beside the present state, and
the action looks back one step further.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from understudy.utils.masking import create_causal_mask

EMPTY = -(10**9)  # further back than any context


@dataclass
class LayerCache:
    """Keys and values of one layer, `ring` (2, B, G, R, K), and where the present pass writes."""

    ring: Tensor
    slots: slice

    def extend(self, joining: Tensor) -> tuple[Tensor, Tensor]:
        """Write the pass's keys and values (B, L, 2G, K) to its slots; returns those of the whole ring, (B, G, R, K) each."""
        self.ring[:, :, :, self.slots] = joining.unflatten(2, (2, -1)).permute(2, 0, 3, 1, 4)
        return self.ring[0], self.ring[1]


class Cache:
    """Ring of keys and values for all layers.

    `clock` is the step that all rows are at, counted from the first one; `begun` (B,) int64 is what it was when each row's
    episode began. `slot_clock` (R,) int64 is the step that a slot belongs to, and `filled` (B, R) bool says where there is a
    token of the row's present episode.
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
        shape = (2, num_rows, num_kv_heads, self.num_slots, head_dim)
        self.layers = [LayerCache(torch.zeros(shape, dtype=dtype), slice(0)) for _ in range(num_layers)]
        self.clock = 0
        self.begun = torch.zeros(num_rows, dtype=torch.int64)
        self.slot_clock = torch.full((self.num_slots,), EMPTY)
        self.filled = torch.zeros(num_rows, self.num_slots, dtype=torch.bool)
        self._next_slot = 0

    @property
    def step(self) -> Tensor:
        """The step of its episode (B,) int64 that each row is at."""
        return self.clock - self.begun

    def begin_pass(
        self, ago: Sequence[int], exist: Tensor | None = None, in_order: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Take the next slots for tokens of the steps `ago` (L,) before the present one.

        Returns the clock (L,) int64 at each token's step and the mask (B, 1, L, R), true where a token may see a slot. A token
        does not exist where `exist` (B, L) bool says so or its step is before the row's episode (no action before step 0). It
        is seen by no other, but by itself, since a softmax over nothing is NaN. Where a pass has several tokens of one step,
        `in_order` keeps each from seeing those after it.
        """
        slots = slice(self._next_slot, self._next_slot + len(ago))
        if slots.stop > self.num_slots:
            raise ValueError(
                f"expected passes that fill the ring of {self.num_slots} slots evenly, got {len(ago)} tokens"
            )
        self._next_slot = slots.stop % self.num_slots
        for layer in self.layers:
            layer.slots = slots
        clock = torch.tensor([self.clock - steps for steps in ago], device=self.begun.device)
        exists = clock >= self.begun[:, None]
        self.slot_clock[slots] = clock
        self.filled[:, slots] = exists if exist is None else exists & exist
        age = clock[:, None] - self.slot_clock
        reach = (age >= 0) & (age < self.context)
        if in_order:
            reach[:, slots] &= create_causal_mask(len(ago)).to(reach.device)
        allowed = reach & self.filled[:, None, :]
        allowed[:, :, slots].diagonal(dim1=1, dim2=2).fill_(True)
        return clock, allowed[:, None]

    def end_step(self) -> None:
        """All rows go on to the next step."""
        self.clock += 1

    def reset(self, rows: Tensor) -> None:
        """Forget everything of `rows` (R,) int64, whose episodes begin now."""
        self.begun = self.begun.index_fill(0, rows, self.clock)
        self.filled = self.filled.index_fill(0, rows, False)

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` (R,) int64 alone, in that order."""
        self.begun, self.filled = self.begun[rows], self.filled[rows]
        for layer in self.layers:
            layer.ring = layer.ring[:, rows]


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
