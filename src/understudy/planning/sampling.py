"""Drawing tokens from a model of trajectories, one after the other.

continue_present(model, ...) -- the tokens that follow the present state
draw_tokens(logits, uniforms) -- one token of each row
row_uniforms(seeds, ...)      -- numbers that derive from an episode's seed alone

B rows, D width, V vocabulary, M tokens a step, S of them of its state.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from understudy.nn.cache import KVCache
from understudy.nn.running_sums import SumsCache
from understudy.planning.model import TrajectoryModel
from understudy.utils.draws import uniform


def continue_present(
    model: TrajectoryModel,
    features: Tensor,
    states: Tensor,
    past: KVCache | SumsCache,
    count: int,
    uniforms: Callable[[int], Tensor] | None,
) -> tuple[Tensor, Tensor | None]:
    """The next tokens after the present state: its action, its reward, the next state, as many as are asked for.

    Args:
        model: whose tokens they are.
        features: (B, D), of the present state's last token.
        states: (B, S), the present states.
        past: the cache that the present state's tokens have joined; it is left as it is.
        count: how many tokens, at most to the end of the next state.
        uniforms: numbers (B,) float64 from 0, below 1, for the draw of this number; None for the likeliest tokens.

    Returns:
        Tokens (B, count) int64, and the logits (B,) that the environment ends the episode with this step; None where no token
        follows the reward.
    """
    tokens_per_step = model.tokens.per_step
    cache, position, tokens, stop_logits = model.trunk.new_beams(past, count), model.tokens.num_states - 1, [], None
    for number in range(count):
        logits = model.next_logits(features, position)
        tokens.append(draw_tokens(logits, None if uniforms is None else uniforms(number)))
        position = (position + 1) % tokens_per_step
        if number == count - 1:
            break
        ahead = 0 if position >= model.tokens.num_states else 1
        sees = torch.ones(1, cache.length + 1, dtype=torch.bool, device=features.device)
        embedded = model.embed(tokens[-1], position, states)[:, None]  # (B, 1, D)
        features = model.trunk.decode_beams(embedded, ahead, sees, cache)[:, 0]
        if position == tokens_per_step - 1:
            stop_logits = model.stop_logits(features)
    return torch.stack(tokens, dim=1), stop_logits


def draw_tokens(logits: Tensor, uniforms: Tensor | None) -> Tensor:
    """A token (B,) int64 of each row: the likeliest, or the one in whose share of the probability a number falls.

    Args:
        logits: (B, V).
        uniforms: (B,) float64 from 0, below 1; None for the likeliest.
    """
    if uniforms is None:
        return logits.argmax(-1)
    cumulated = logits.double().softmax(-1).cumsum(-1)
    # At most the last number below the whole, so that rounding leads to no token without probability.
    below = uniforms * cumulated[:, -1]
    return torch.searchsorted(cumulated, below[:, None], right=True)[:, 0].clamp(max=logits.shape[-1] - 1)


def row_uniforms(seeds: Tensor, steps: Tensor, draw: int) -> Tensor:
    """A number (B,) float64 from 0, below 1, of each row that derives from these numbers alone, on any device.

    Args:
        seeds: (B,) int64, of the rows' episodes.
        steps: (B,) int64, of the episode.
        draw: which of a step's draws.
    """
    numbers = uniform(seeds.cpu().numpy(), steps.cpu().numpy(), draw)
    return torch.from_numpy(numbers).to(seeds.device)
