"""The batched search against the slow one, which passes over all tokens anew for every candidate (planning/reference.py)."""

import pytest
import torch

from tests.planning.cases import decoded, trajectory_model
from understudy.planning.beam import Beams, BeamSearch, search
from understudy.planning.reference import Episode, reference_search

each_kind = pytest.mark.parametrize("kind", ["choices", "vectors"])


def assert_same_beams(found: Beams, model, tokens, states, settings) -> None:
    for row in range(len(tokens)):
        expected = reference_search(Episode(model, tokens[row], states[row]), settings)
        assert len(expected) <= found.score.shape[1]
        for place, beam in enumerate(expected):
            assert found.tokens[row, place, : len(beam.tokens)].tolist() == beam.tokens.tolist(), (row, place)
            got = [found.score, found.reward, found.log_prob, found.ended]
            values = [beam.score, beam.reward, beam.log_prob, beam.ended]
            for values_of_rows, value in zip(got, values, strict=True):
                assert values_of_rows[row, place].item() == pytest.approx(value, rel=1e-5, abs=2e-4), (row, place)
        assert found.score[row, len(expected) :].isneginf().all()


@each_kind
@pytest.mark.parametrize("objective", ["likelihood", "return"])
@pytest.mark.parametrize(("steps", "horizon"), [(1, 5), (3, 4), (6, 3)])
@torch.inference_mode()
def test_the_beams_are_those_of_the_slow_search(kind: str, objective: str, steps: int, horizon: int) -> None:
    """The past is shorter than the context of four steps, or longer; past and horizon go beyond it."""
    model = trajectory_model(kind)
    memory, features, tokens, states = decoded(model, kind, steps)
    settings = BeamSearch(objective, horizon=horizon, beam_width=4, actions=3)
    found = search(model, features, states[:, -1], memory.kv_cache, settings)
    assert found.score.shape == (3, 4)
    if (objective, steps) == ("likelihood", 3):
        assert found.ended.any() and not found.ended.all()
    assert_same_beams(found, model, tokens, states, settings)


@each_kind
@pytest.mark.parametrize("attention", ["performer", "elu"])
@torch.inference_mode()
def test_the_beams_are_those_of_the_slow_search_under_linear_attention(kind: str, attention: str) -> None:
    model = trajectory_model(kind, attention=attention, context=None)
    memory, features, tokens, states = decoded(model, kind, 4)
    settings = BeamSearch("return", horizon=3, beam_width=4, actions=3)
    assert_same_beams(
        search(model, features, states[:, -1], memory.kv_cache, settings), model, tokens, states, settings
    )


@each_kind
@torch.inference_mode()
def test_likelihood_may_count_beside_the_return(kind: str) -> None:
    model = trajectory_model(kind)
    memory, features, tokens, states = decoded(model, kind, 3)
    settings = BeamSearch("return", horizon=3, beam_width=4, actions=3, likelihood_weight=2.0)
    found = search(model, features, states[:, -1], memory.kv_cache, settings)
    assert_same_beams(found, model, tokens, states, settings)


@each_kind
@torch.inference_mode()
def test_unlikely_actions_are_not_tried(kind: str) -> None:
    model = trajectory_model(kind)
    memory, features, tokens, states = decoded(model, kind, 3)
    settings = BeamSearch("return", horizon=3, beam_width=6, actions=4, least_probability=0.2)
    found = search(model, features, states[:, -1], memory.kv_cache, settings)
    assert found.score.isneginf().any()
    assert_same_beams(found, model, tokens, states, settings)


@torch.inference_mode()
def test_a_horizon_of_one_takes_the_action_with_the_highest_return() -> None:
    model = trajectory_model("choices")
    memory, features, _, states = decoded(model, "choices", 2)
    settings = BeamSearch("return", horizon=1, beam_width=3, actions=3)
    found = search(model, features, states[:, -1], memory.kv_cache, settings)
    assert (found.score.diff(dim=1) <= 0).all()
    assert found.tokens[:, :, 0].sort(dim=1)[0].tolist() == [[0, 1, 2]] * 3


@torch.inference_mode()
def test_the_past_is_left_as_it_is() -> None:
    model = trajectory_model("choices")
    memory, features, _, states = decoded(model, "choices", 3)
    before = [layer.ring.clone() for layer in memory.kv_cache.layers]
    search(model, features, states[:, -1], memory.kv_cache, BeamSearch("return", 3, 4, 4))
    assert all(torch.equal(layer.ring, ring) for layer, ring in zip(memory.kv_cache.layers, before, strict=True))


@torch.inference_mode()
def test_a_search_finds_the_same_again() -> None:
    model = trajectory_model("vectors")
    memory, features, _, states = decoded(model, "vectors", 3)
    one, same = (
        search(model, features, states[:, -1], memory.kv_cache, BeamSearch("return", 3, 4, 4)) for _ in range(2)
    )
    assert torch.equal(one.score, same.score) and torch.equal(one.tokens, same.tokens)


@torch.inference_mode()
def test_ended_beams_wait_with_the_score_that_they_had() -> None:
    """Where every episode ends with its first step, a longer horizon changes nothing."""
    model = trajectory_model("choices")
    model.stop_head.weight.zero_()
    model.stop_head.bias.fill_(3.0)
    memory, features, _, states = decoded(model, "choices", 2)
    one, more = (
        search(model, features, states[:, -1], memory.kv_cache, BeamSearch("return", horizon, 3, 3))
        for horizon in (1, 3)
    )
    assert one.ended.all() and more.ended.all()
    assert torch.equal(one.score, more.score) and torch.equal(one.reward, more.reward)
    assert torch.equal(one.tokens, more.tokens[:, :, : one.tokens.shape[2]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 0}, "horizon: expected at least 1, got 0"),
        ({"actions": -1}, "actions: expected at least 1, got -1"),
        ({"beam_width": 0}, "beam_width: expected at least 1, got 0"),
        ({"least_probability": 1.0}, "least_probability: expected from 0 to 1, exclusive, got 1.0"),
        ({"likelihood_weight": -1.0}, "likelihood_weight: expected a finite number from 0, got -1.0"),
        ({"beam_width": 10}, "beam_width: expected at most actions .. horizon = 9, since there are no more, got 10"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BeamSearch(**({"objective": "return", "horizon": 2, "beam_width": 2, "actions": 3} | changes))


@torch.inference_mode()
def test_tokens_and_their_number_are_whole_numbers() -> None:
    model = trajectory_model("choices")
    memory, features, _, states = decoded(model, "choices", 3)
    found = search(model, features, states[:, -1], memory.kv_cache, BeamSearch("return", 2, 4, 3))
    assert found.tokens.dtype == found.num_tokens.dtype == torch.int64
