"""The ways in which a model of trajectories acts.

Decoding               -- their names
decoding_settings(...) -- what a memory notes of the one that is asked for
step_uniforms(...)     -- by which numbers a step's tokens are drawn
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from understudy.nn.row_memory import RowMemory
from understudy.nn.step_tokens import StepTokens
from understudy.planning.beam import BeamSearch
from understudy.planning.sampling import row_uniforms

Decoding = Literal["greedy", "sample", "likelihood", "return"]
HORIZON, BEAM_WIDTH = 5, 8  # of a search, where nothing else is said


def decoding_settings(
    tokens: StepTokens,
    decoding: Decoding,
    *,
    horizon: int,
    beam_width: int,
    actions: int | None,
    least_probability: float,
    likelihood_weight: float,
) -> dict[str, Any]:
    """What a memory notes of how its rows are to act: `decoding`, and where it is a search `search`, a BeamSearch.

    Args:
        tokens: of the model, whose bins have been measured.
        decoding: "greedy" or "sample", beside which a search's settings are the default ones; "likelihood" or "return".
        horizon: of the search.
        beam_width: of the search.
        actions: how many actions of each beam are tried; None for all choices.
        least_probability: of the search.
        likelihood_weight: of the search.

    Raises:
        ValueError: a number makes no sense, there cannot be so many beams, or there is no reward to plan for.
    """
    if decoding in ("likelihood", "return"):
        tried = _actions_tried(tokens, actions)
        if decoding == "return" and tokens.returns.counts.item() < 2:
            raise ValueError(
                "decoding: expected training episodes with different returns to plan for, got the same everywhere"
            )
        search = BeamSearch(decoding, horizon, beam_width, tried, least_probability, likelihood_weight)
        return {"decoding": decoding, "search": search}
    searches = (horizon, beam_width) != (HORIZON, BEAM_WIDTH) or actions is not None
    if searches or least_probability or likelihood_weight:
        raise ValueError(f"decoding: expected likelihood or return beside settings of a search, got {decoding}")
    return {"decoding": decoding}


def _actions_tried(tokens: StepTokens, actions: int | None) -> int:
    """So many actions as are asked for, all choices where None are."""
    if actions is None and not tokens.discrete_actions:
        raise ValueError("actions: expected how many action vectors are tried, got none")
    if actions is None:
        actions = tokens.action_dim
    possible = tokens.possible_actions()
    if actions > possible:
        raise ValueError(f"actions: expected at most the {possible} that there are, got {actions}")
    return actions


def step_uniforms(memory: RowMemory, generator: torch.Generator | None) -> Callable[[int], Tensor] | None:
    """Numbers (B,) from 0 to 1 for each draw of this step: the generator's, or the episode's; None for the likeliest."""
    if generator is not None:
        return lambda number: torch.rand(memory.num_rows, generator=generator, dtype=torch.float64)
    if memory.settings["decoding"] != "sample":
        return None
    return lambda number: row_uniforms(memory.seeds, memory.kv_cache.episode_step, number)
