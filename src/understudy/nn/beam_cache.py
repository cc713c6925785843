"""Keys and values of what is imagined from a present that all beams of a row share.

LayerBeamCache -- one layer's: those of the row's past, in its ring, and each beam's own after it
BeamCache      -- those of all layers

B rows, W beams of each, L tokens of a pass, Q of them queries, G heads of keys and values, H of queries, S = H / G, K width of a
head, D = H K, R slots of the ring, N own slots that are taken.

The past is neither copied nor written to: a row's beams look into its ring side by side, as further queries of that row, and one
softmax runs over the ring and a beam's own slots together. So the ring goes on as if nothing had been imagined.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from understudy.nn.cache import KVCache
from understudy.nn.dot_product import Band, scaled_scores


@dataclass
class LayerBeamCache:
    """Keys and values of one layer.

    Attributes:
        ring: (2, B, G, R, K), the past.
        ring_bias: (B, 1, 1, R) float32, zero where the present pass may see a slot of it and -inf where not.
        own: (2, B W, G, capacity, K).
        slots: where the present pass writes.
    """

    ring: Tensor
    ring_bias: Tensor
    own: Tensor
    slots: slice

    def attend(self, query: Tensor, new_kv: Tensor, bands: list[Band]) -> Tensor:
        """Write the pass's keys and values (B W, L, 2G, K); what its queries (B W, Q, H, K) see, mixed, (B W, Q, D).

        The only band's bias (Q, N) is that of a beam's own slots, the same in all beams.
        """
        (band,) = bands
        by_kind = new_kv.unflatten(2, (2, -1))  # (B W, L, 2, G, K)
        self.own[:, :, :, self.slots] = by_kind.permute(2, 0, 3, 1, 4)
        key, value = self.own[:, :, :, : self.slots.stop]  # (B W, G, N, K) each
        past_key, past_value = self.ring  # (B, G, R, K) each
        rows, groups, num_slots, width = past_key.shape
        beams, length = len(query) // rows, query.shape[1]
        shared = query.unflatten(0, (rows, beams)).flatten(1, 2)  # (B, W Q, H, K)
        past = scaled_scores(shared, past_key, self.ring_bias)  # (B, G, W Q, S, R)
        past = past.unflatten(2, (beams, length)).transpose(1, 2).flatten(0, 1)  # (B W, G, Q, S, R)
        scores = torch.cat([past, scaled_scores(query, key, band.bias)], dim=-1)  # (B W, G, Q, S, R + N)
        weights = torch.softmax(scores, dim=-1).to(key.dtype)
        of_past, of_own = weights.split([num_slots, key.shape[2]], dim=-1)
        of_past = of_past.unflatten(0, (rows, beams)).transpose(1, 2)  # (B, G, W, Q, S, R)
        mixed = torch.bmm(of_past.reshape(rows * groups, -1, num_slots), past_value.flatten(0, 1))  # (B G, W Q S, K)
        mixed = mixed.view(rows, groups, beams, length, -1, width).transpose(1, 2).flatten(0, 1)  # (B W, G, Q, S, K)
        of_own = of_own.reshape(len(query) * groups, -1, key.shape[2])  # (B W G, Q S, N)
        mixed = mixed + torch.bmm(of_own, value.flatten(0, 1)).view_as(mixed)
        return mixed.transpose(1, 2).flatten(2)  # (B W, Q, D)


class BeamCache:
    """What has been imagined, beam by beam.

    Args:
        past: the cache of the rows' real steps, which the present step's tokens have joined.
        capacity: how many tokens a beam may come to.

    Attributes:
        layers: of the trunk, in their order.
        length: N, slots that are taken.
        steps_ahead: (N,) int64, how many steps after the present one each slot's step is.
    """

    def __init__(self, past: KVCache, capacity: int) -> None:
        self.past, self.length = past, 0
        self.steps_ahead = torch.zeros(0, dtype=torch.int64, device=past.valid.device)
        self.layers = []
        for layer in past.layers:
            _, rows, groups, _, width = layer.ring.shape
            own = layer.ring.new_empty(2, rows, groups, capacity, width)
            self.layers.append(LayerBeamCache(layer.ring, torch.empty(0), own, slice(0)))

    def begin_pass(self, step_ahead: int, siblings: Tensor) -> tuple[Tensor, Tensor]:
        """Take the next slots for the tokens of a pass, all of one step.

        Args:
            step_ahead: how many steps after the present one that is.
            siblings: (L, N + L) bool, which of a beam's own slots each token may see, as far as the window reaches.

        Returns:
            The clock (L,) int64 at the tokens' step, and the bias (L, N + L) of a beam's own slots.
        """
        length = len(siblings)
        taken = slice(self.length, self.length + length)
        ahead = torch.full((length,), step_ahead, device=self.steps_ahead.device)
        self.steps_ahead = torch.cat([self.steps_ahead, ahead])
        self.length = taken.stop
        clock = self.past.clock + step_ahead
        now = torch.tensor([clock], device=self.past.valid.device)
        seen = self.past.valid & self.past.within_reach(now)  # (B, R)
        ring_bias = torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, -torch.inf)[:, None, None]
        for layer in self.layers:
            layer.slots, layer.ring_bias = taken, ring_bias
        allowed = siblings & (step_ahead - self.steps_ahead < self.past.context)
        bias = torch.zeros(allowed.shape, device=seen.device).masked_fill_(~allowed, -torch.inf)
        return torch.full((length,), clock, device=seen.device), bias

    def rearrange(self, beams: Tensor, slots: Tensor) -> None:
        """Go on with these beams and these of their slots.

        Args:
            beams: (C,) int64, which of all rows' beams, those of a row beside each other.
            slots: (C, n) int64, which of its slots each of them goes on with, in order.
        """
        places = torch.arange(slots.shape[1], device=slots.device)
        for layer in self.layers:
            chosen = layer.own.new_empty(2, len(beams), *layer.own.shape[2:])
            picked = layer.own[:, beams[:, None], :, slots]  # (C, n, 2, G, K), since the indices stand apart
            chosen[:, :, :, places] = picked.permute(2, 0, 3, 1, 4)
            layer.own = chosen
        self.steps_ahead = self.steps_ahead[slots[0]]
        self.length = slots.shape[1]
