"""What a family remembers while it plays, row by row.

RowCache  -- what any cache of rows can do
RowMemory -- a cache and a family's own tensors of each row (its last states, the option it follows, ...)

It knows of no kind of cache, so that families without attention do not depend on the code of attention.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from understudy.nn.cache import KVCache
    from understudy.nn.running_sums import SumsCache


class RowCache(Protocol):
    """What a model remembers of rows beside a memory's tensors."""

    def reset(self, rows: Tensor) -> None:
        """Forget everything of `rows` (R,) int64."""

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` (R,) int64 alone, in that order."""


@dataclass
class RowMemory:
    """Memory of B rows at play time.

    Attributes:
        num_rows: B.
        tensors: (B, ...) by name, zero at an episode's start.
        cache: keys and values, sums over them under linear attention, or another model's; None in families without attention.
        group: so many rows that follow one another are the agents of one environment and share a row of the cache; they begin
            and leave together.
        agent_ids: (B,) int64, which agent a row is; None in families without agents.
        settings: how the family was asked to play, by the names of its `begin`.
        seeds: (B,) int64, of each row's episode, for what is to be drawn anew in each; 0 where it is not known.
        task_ids: (B,) int64, which of the model's tasks each row acts in; who begins a memory sets those that are not the first.
    """

    num_rows: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    cache: RowCache | None = None
    group: int = 1
    agent_ids: Tensor | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seeds: Tensor = field(init=False)
    task_ids: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.seeds = torch.zeros(self.num_rows, dtype=torch.int64)
        self.task_ids = torch.zeros(self.num_rows, dtype=torch.int64)

    @property
    def kv_cache(self) -> "KVCache | SumsCache":
        """The cache of a family that has one on the trunk."""
        return cast("KVCache | SumsCache", self.cache)

    def reset(self, rows: Tensor, seeds: Tensor | None = None) -> None:
        """Begin new episodes in `rows` (R,) int64, with `seeds` (R,) int64 where they are known.

        Tensors are exchanged, not written to, since callers may hold them.
        """
        self.tensors = {name: values.index_fill(0, rows, 0) for name, values in self.tensors.items()}
        new_seeds = torch.zeros_like(rows) if seeds is None else seeds.to(rows.device)
        self.seeds = self.seeds.index_copy(0, rows, new_seeds)
        if self.cache is not None:
            self.cache.reset(self._cache_rows(rows))

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` alone, in that order."""
        self.num_rows = len(rows)
        self.tensors = {name: values[rows] for name, values in self.tensors.items()}
        self.seeds, self.task_ids = self.seeds[rows], self.task_ids[rows]
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
