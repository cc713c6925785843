"""What is noted of each way to act, and by which numbers tokens are drawn."""

import torch

from tests.builders import refused
from understudy.nn.row_memory import RowMemory
from understudy.nn.step_tokens import StepTokens
from understudy.planning.beam import BeamSearch
from understudy.planning.decoding import BEAM_WIDTH, HORIZON, decoding_settings, step_uniforms
from understudy.planning.sampling import row_uniforms

NOTHING_SAID = {
    "horizon": HORIZON,
    "beam_width": BEAM_WIDTH,
    "actions": None,
    "least_probability": 0.0,
    "likelihood_weight": 0.0,
}


class CountingCache:
    """A cache whose rows are at these steps of their episodes."""

    episode_step = torch.tensor([4, 0])


def tokens(discrete: bool = True) -> StepTokens:
    return StepTokens(("x", "y", "z"), 4, discrete, 6)


def test_who_does_not_search_has_no_search() -> None:
    for decoding in ("greedy", "sample"):
        assert decoding_settings(tokens(), decoding, **NOTHING_SAID) == {"decoding": decoding}


def test_a_search_is_the_one_that_is_asked_for() -> None:
    asked = {"horizon": 3, "beam_width": 2, "actions": 4, "least_probability": 0.1, "likelihood_weight": 2.0}
    for decoding in ("likelihood", "return"):
        settings = decoding_settings(tokens(False), decoding, **asked)
        assert settings == {"decoding": decoding, "search": BeamSearch(decoding, 3, 2, 4, 0.1, 2.0)}


def test_of_choices_all_are_tried_where_nothing_is_said() -> None:
    assert decoding_settings(tokens(), "likelihood", **NOTHING_SAID)["search"] == BeamSearch("likelihood", 5, 8, 4)
    with refused(ValueError, "actions: expected how many action vectors are tried, got none"):
        decoding_settings(tokens(False), "likelihood", **NOTHING_SAID)


def test_each_setting_of_a_search_is_refused_beside_another_way() -> None:
    others = {"horizon": 4, "beam_width": 7, "actions": 4, "least_probability": 0.1, "likelihood_weight": 1.0}
    for name, value in others.items():
        with refused(ValueError, "decoding: expected likelihood or return beside settings of a search, got greedy"):
            decoding_settings(tokens(), "greedy", **NOTHING_SAID | {name: value})


def test_the_likeliest_needs_no_numbers_and_a_drawn_one_the_episodes() -> None:
    memory = RowMemory(2, cache=CountingCache(), settings={"decoding": "sample"})
    memory.seeds = torch.tensor([7, 9])
    draws = step_uniforms(memory, None)
    for number in (0, 3):
        assert torch.equal(draws(number), row_uniforms(torch.tensor([7, 9]), torch.tensor([4, 0]), number))
    for decoding in ("greedy", "return"):
        memory.settings["decoding"] = decoding
        assert step_uniforms(memory, None) is None


def test_a_generator_draws_where_one_is_given_whatever_the_way() -> None:
    for decoding in ("greedy", "sample", "return"):
        memory = RowMemory(2, cache=CountingCache(), settings={"decoding": decoding})
        draws, same = step_uniforms(memory, torch.Generator().manual_seed(5)), torch.Generator().manual_seed(5)
        for number in (0, 1):
            assert torch.equal(draws(number), torch.rand(2, generator=same, dtype=torch.float64))


def test_two_returns_are_enough_to_plan_for() -> None:
    measured = tokens()
    measured.returns.counts.fill_(2)
    assert decoding_settings(measured, "return", **NOTHING_SAID)["search"].objective == "return"
    measured.returns.counts.fill_(1)
    with refused(ValueError, "decoding: expected training episodes with different returns to plan for, got the same"):
        decoding_settings(measured, "return", **NOTHING_SAID)
