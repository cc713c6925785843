"""What a sequence model with linear attention remembers while it plays: a sum a layer, however long the past is.

LayerSums     -- one layer's sums over all tokens of each row's episode
SumsCache     -- those of all layers, and the step that each row is at
LayerBeamSums -- one layer's sums of the past, and the tokens of each beam that is imagined after it
BeamSums      -- those of all layers

B rows, W beams of each, L tokens of a pass, Q of them queries, G heads of keys and values, S heads of queries for each, K width
of a head, F features of it, N own slots of a beam that are taken.

They stand where KVCache and BeamCache stand under softmax attention, and have the same methods. Here too all rows go by one
clock, but a token's position is the step of its own row's episode: products of random features depend on both positions, if only
by chance, and so a row plays what a full pass over its episode gives, whenever that began.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.nn.dot_product import Band
from understudy.nn.linear_attention import attend_piece, attend_sums, key_value_sums
from understudy.utils.masking import create_causal_mask


@dataclass
class LayerSums:
    """Sums of one layer.

    Attributes:
        sums: (B, G, F, K + 1) float32, of features times values.
    """

    sums: Tensor

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bands: list[Band]) -> Tensor:
        """Take in the pass's keys (B, G, L, F) and values (B, G, L, K + 1), of tokens in order.

        The only band says by its bias (B, 1, 1, L) which of them exist.

        Returns:
            Totals (B, Q, G, S, K + 1) of what its queries (B, Q, G, S, F) see.
        """
        (band,) = bands
        key = key * band.bias.mT.exp()
        in_order = create_causal_mask(key.shape[2]).to(key.device)[band.queries].float()  # (Q, L)
        query = query.transpose(1, 2)  # (B, G, Q, S, F)
        totals = attend_piece(query, key, value, in_order) + attend_sums(query, self.sums)  # (B, G, Q, S, K + 1)
        self.sums = self.sums + key_value_sums(key, value)
        return totals.transpose(1, 2)


class SumsCache:
    """Running sums of all layers.

    Args:
        num_rows: B.
        num_layers: how many layers there are.
        num_kv_heads: G.
        num_features: F.
        head_dim: K.

    Attributes:
        clock: the step that all rows are at, counted from the first one.
        episode_start: (B,) int64, the clock when each row's episode began.
    """

    def __init__(self, num_rows: int, *, num_layers: int, num_kv_heads: int, num_features: int, head_dim: int) -> None:
        shape = (num_rows, num_kv_heads, num_features, head_dim + 1)
        self.layers = [LayerSums(torch.zeros(shape)) for _ in range(num_layers)]
        self.clock = 0
        self.episode_start = torch.zeros(num_rows, dtype=torch.int64)

    @property
    def episode_step(self) -> Tensor:
        """The step of its episode (B,) int64 that each row is at."""
        return self.clock - self.episode_start

    def begin_pass(
        self, step_offsets: Sequence[int], exists: Tensor | None = None, in_order: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The tokens of a pass, which sums take in one after the other.

        A token does not exist where `exists` says so or where its step is before the row's episode. No other sees it.

        Args:
            step_offsets: L numbers, how many steps before the present one each token's step is.
            exists: (B, L) bool; None where all tokens do.
            in_order: of several tokens of one step, whether each is kept from seeing those after it, as it has to be here.

        Returns:
            The step (B, L) int64 of its episode that each token is of, and where tokens exist, (B, 1, 1, L) bool.

        Raises:
            ValueError: tokens of one step are to see each other, or a token is of a step before that of the one before it.
        """
        steps = list(step_offsets)
        if steps != sorted(steps, reverse=True) or (not in_order and len(set(steps)) < len(steps)):
            raise ValueError(
                "step_offsets: expected tokens in order, since linear attention sums one after the other,"
                f" got {tuple(steps)} with in_order = {in_order}"
            )
        offsets = torch.tensor(steps, device=self.episode_start.device)
        episode_steps = self.episode_step[:, None] - offsets  # (B, L)
        in_episode = episode_steps >= 0
        allowed = in_episode if exists is None else in_episode & exists
        return episode_steps, allowed[:, None, None]

    def end_step(self) -> None:
        """All rows go on to the next step."""
        self.clock += 1

    def reset(self, rows: Tensor) -> None:
        """Forget everything of `rows` (R,) int64, whose episodes begin now."""
        self.episode_start = self.episode_start.index_fill(0, rows, self.clock)
        for layer in self.layers:
            layer.sums = layer.sums.index_fill(0, rows, 0.0)

    def keep(self, rows: Tensor) -> None:
        """Go on with `rows` (R,) int64 alone, in that order."""
        self.episode_start = self.episode_start[rows]
        for layer in self.layers:
            layer.sums = layer.sums[rows]


@dataclass
class LayerBeamSums:
    """Sums of one layer, and the tokens of each beam.

    Attributes:
        past: (B, G, F, K + 1), which is neither copied nor written to.
        keys: (B W, G, capacity, F), features of each beam's own tokens.
        values: (B W, G, capacity, K + 1).
        slots: where the present pass writes.
    """

    past: Tensor
    keys: Tensor
    values: Tensor
    slots: slice

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bands: list[Band]) -> Tensor:
        """Write the pass's keys (B W, G, L, F) and values (B W, G, L, K + 1).

        The only band's bias (Q, N) is that of a beam's own slots, the same in all beams.

        Returns:
            Totals (B W, Q, G, S, K + 1) of what its queries (B W, Q, G, S, F) see.
        """
        (band,) = bands
        self.keys[:, :, self.slots], self.values[:, :, self.slots] = key, value
        taken = slice(self.slots.stop)
        own = (self.keys[:, :, taken], self.values[:, :, taken])
        of_own = attend_piece(query.transpose(1, 2), *own, band.bias.exp()).transpose(1, 2)  # (B W, Q, G, S, K + 1)
        # A row's beams are further queries of it.
        by_row = query.unflatten(0, (len(self.past), -1)).movedim(3, 1)  # (B, G, W, Q, S, F)
        of_past = attend_sums(by_row.flatten(2, 3), self.past).unflatten(2, by_row.shape[2:4])  # (B, G, W, Q, S, K + 1)
        return of_own + of_past.movedim(1, 3).flatten(0, 1)


class BeamSums:
    """What has been imagined, beam by beam.

    Args:
        past: the cache of the rows' real steps, which the present step's tokens have joined.
        capacity: how many tokens a beam may come to.

    Attributes:
        layers: of the trunk, in their order.
        length: N, slots that are taken.
    """

    def __init__(self, past: SumsCache, capacity: int) -> None:
        self.past, self.length = past, 0
        self.layers = []
        for layer in past.layers:
            rows, groups, features, width = layer.sums.shape
            keys, values = (layer.sums.new_empty(rows, groups, capacity, size) for size in (features, width))
            self.layers.append(LayerBeamSums(layer.sums, keys, values, slice(0)))

    def begin_pass(self, step_ahead: int, siblings: Tensor) -> tuple[Tensor, Tensor]:
        """Take the next slots for the tokens of a pass, all of one step.

        Args:
            step_ahead: how many steps after the present one that is.
            siblings: (L, N + L) bool, which of a beam's own slots each token may see.

        Returns:
            The step (B W, L) int64 of its episode that each token is of, and the bias (L, N + L) of a beam's own slots.
        """
        length = len(siblings)
        taken = slice(self.length, self.length + length)
        self.length = taken.stop
        for layer in self.layers:
            layer.slots = taken
        present = self.past.episode_step  # (B,)
        beams = len(self.layers[0].keys) // len(present)
        steps = (present + step_ahead).repeat_interleave(beams)[:, None].expand(-1, length)
        return steps, torch.zeros(siblings.shape, device=present.device).masked_fill_(~siblings, -torch.inf)

    def rearrange(self, beams: Tensor, slots: Tensor) -> None:
        """Go on with these beams and these of their slots.

        Args:
            beams: (C,) int64, which of all rows' beams, those of a row beside each other.
            slots: (C, n) int64, which of its slots each of them goes on with, in order.
        """
        count = slots.shape[1]
        for layer in self.layers:
            for name in ("keys", "values"):
                tensor = getattr(layer, name)
                chosen = tensor.new_empty(len(beams), *tensor.shape[1:])
                # (C, n, G, ...), since the indices stand apart
                chosen[:, :, :count] = tensor[beams[:, None], :, slots].transpose(1, 2)
                setattr(layer, name, chosen)
        self.length = count
