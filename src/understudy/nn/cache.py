"""What attention remembers while a sequence model plays, row by row.

B rows, G heads of keys and values, R slots, K width of a head, L tokens of a pass.

LayerKVCache -- one layer's keys and values of the last `context` steps, in a ring of slots
KVCache      -- those of all layers, and the step that each slot belongs to

All rows act at once, so a pass of the model writes its tokens to the next slots of the ring, the same for all rows, and one clock
counts the steps of all of them. It never goes back: a row that begins a new episode only notes the time and forgets its slots.
Rotary positions are the clock's, which turns all rows by the same angles; attention knows the distance between two steps alone.
The ring holds one step more than the context, because a pass carries the previous step's action beside the present state, and
the action looks back one step further.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.nn.dot_product import Band, attend_bands
from understudy.nn.prompts import LayerPrompt
from understudy.utils.masking import create_causal_mask

EMPTY = -(10**9)  # further back than any context


@dataclass
class LayerKVCache:
    """Keys and values of one layer.

    Attributes:
        ring: (2, B, G, R, K), all keys, then all values.
        slots: where the present pass writes.
    """

    ring: Tensor
    slots: slice

    def update(self, new_kv: Tensor) -> tuple[Tensor, Tensor]:
        """Write the pass's keys and values (B, L, 2G, K) to its slots; returns those of the whole ring, (B, G, R, K) each."""
        by_kind = new_kv.unflatten(2, (2, -1))  # (B, L, 2, G, K)
        self.ring[:, :, :, self.slots] = by_kind.permute(2, 0, 3, 1, 4)  # (2, B, G, L, K)
        return self.ring[0], self.ring[1]

    def attend(self, query: Tensor, new_kv: Tensor, bands: list[Band]) -> Tensor:
        """Take in the pass's keys and values (B, L, 2G, K); what its queries (B, Q, H, K) see of the ring, mixed, (B, Q, D)."""
        key, value = self.update(new_kv)
        return attend_bands(query, key, value, bands)


class KVCache:
    """Ring of keys and values for all layers.

    Args:
        num_rows: B.
        num_layers: how many layers there are.
        num_kv_heads: G.
        head_dim: K.
        context: steps that a token sees, its own counted.
        tokens_per_step: how many tokens each step has; the ring has (context + 1) * tokens_per_step slots.
        dtype: of keys and values.
        prompt_tokens: slots after the ring, whose tokens all steps of a row see; R is those of both.

    Attributes:
        clock: the step that all rows are at, counted from the first one.
        episode_start: (B,) int64, the clock when each row's episode began.
        slot_clock: (R,) int64, the step that a slot belongs to.
        valid: (B, R) bool, where there is a token of the row's present episode.
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
        prompt_tokens: int = 0,
    ) -> None:
        self.context = context
        self.num_slots = (context + 1) * tokens_per_step
        shape = (2, num_rows, num_kv_heads, self.num_slots + prompt_tokens, head_dim)
        self.layers = [LayerKVCache(torch.zeros(shape, dtype=dtype), slice(0)) for _ in range(num_layers)]
        self.clock = 0
        self.episode_start = torch.zeros(num_rows, dtype=torch.int64)
        self.slot_clock = torch.full((self.num_slots + prompt_tokens,), EMPTY)
        self.valid = torch.zeros(num_rows, self.num_slots + prompt_tokens, dtype=torch.bool)
        self._next_slot = 0

    @property
    def episode_step(self) -> Tensor:
        """The step of its episode (B,) int64 that each row is at."""
        return self.clock - self.episode_start

    def begin_pass(
        self, step_offsets: Sequence[int], exists: Tensor | None = None, in_order: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Take the next slots for the tokens of a pass.

        A token does not exist where `exists` says so or where its step is before the row's episode (no action before step 0). It
        is seen by no other, but by itself, since a softmax over nothing is NaN.

        Args:
            step_offsets: L numbers, how many steps before the present one each token's step is.
            exists: (B, L) bool; None where all tokens do.
            in_order: of several tokens of one step, whether each is kept from seeing those after it.

        Returns:
            The clock (L,) int64 at each token's step, and the mask (B, 1, L, R), true where a token may see a slot.

        Raises:
            ValueError: passes of this size do not fill the ring evenly.
        """
        slots = slice(self._next_slot, self._next_slot + len(step_offsets))
        if slots.stop > self.num_slots:
            raise ValueError(
                f"step_offsets: expected passes that fill the ring of {self.num_slots} slots evenly,"
                f" got {len(step_offsets)} tokens"
            )
        self._next_slot = slots.stop % self.num_slots
        for layer in self.layers:
            layer.slots = slots
        clock = torch.tensor([self.clock - offset for offset in step_offsets], device=self.episode_start.device)
        in_episode = clock >= self.episode_start[:, None]  # (B, L)
        self.slot_clock[slots] = clock
        self.valid[:, slots] = in_episode if exists is None else in_episode & exists
        reach = self.within_reach(clock)  # (L, R)
        if in_order:
            reach[:, slots] &= create_causal_mask(len(step_offsets)).to(reach.device)
        allowed = reach & self.valid[:, None, :]  # (B, L, R)
        allowed[:, :, slots].diagonal(dim1=1, dim2=2).fill_(True)
        return clock, allowed[:, None]

    def within_reach(self, clock: Tensor) -> Tensor:
        """Which slots (L, R) tokens of these steps, clock (L,) int64, see where they are valid: prompts, and the last steps."""
        age = clock[:, None] - self.slot_clock
        reach = (age >= 0) & (age < self.context)
        if reach.shape[1] > self.num_slots:
            reach[:, self.num_slots :] = True
        return reach

    def prompt(self, rows: Tensor, prompts: Sequence[LayerPrompt]) -> None:
        """Put prompts before the episodes of `rows` (n,) int64, which begin now: (2, n, G, N, K) a layer, N those of a row."""
        for layer, of_layer in zip(self.layers, prompts, strict=True):
            layer.ring[:, rows, :, self.num_slots :] = of_layer.kv.to(layer.ring.dtype)
        self.valid = self.valid.clone()
        self.valid[rows, self.num_slots :] = prompts[0].exists

    def end_step(self) -> None:
        """All rows go on to the next step."""
        self.clock += 1

    def reset(self, rows: Tensor) -> None:
        """Forget everything of `rows` (R,) int64, whose episodes begin now."""
        self.episode_start = self.episode_start.index_fill(0, rows, self.clock)
        self.valid = self.valid.index_fill(0, rows, False)

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` (R,) int64 alone, in that order."""
        self.episode_start, self.valid = self.episode_start[rows], self.valid[rows]
        for layer in self.layers:
            layer.ring = layer.ring[:, rows]
