"""Tokens drawn one after the other, against draws by hand and against full passes."""

import torch

from tests.planning.cases import KINDS, decoded, trajectory_model
from understudy.planning.reference import Episode
from understudy.planning.sampling import continue_present, draw_tokens, row_uniforms


def test_without_numbers_the_likeliest_token_is_taken() -> None:
    assert draw_tokens(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), None).tolist() == [1, 0]


def test_a_token_is_drawn_by_the_share_in_which_a_number_falls() -> None:
    """Probabilities of 0.2, 0 and 0.8."""
    logits = torch.tensor([0.2, 0.0, 0.8]).log().repeat(5, 1)
    uniforms = torch.tensor([0.0, 0.19, 0.21, 0.5, 1 - 1e-12], dtype=torch.float64)
    assert draw_tokens(logits, uniforms).tolist() == [0, 0, 2, 2, 2]


def test_a_token_that_does_not_exist_is_never_drawn() -> None:
    logits = torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]).repeat(1001, 1)
    drawn = draw_tokens(logits, torch.linspace(0.0, 1 - 1e-12, 1001, dtype=torch.float64))
    assert set(drawn.tolist()) == {1, 3}


def test_numbers_derive_from_seed_step_and_draw_alone_and_are_evenly_spread() -> None:
    seeds, steps = torch.arange(20_000) % 200 + 10**6, torch.arange(20_000) // 200
    numbers = row_uniforms(seeds, steps, 1)
    assert numbers.dtype == torch.float64
    assert 0 <= numbers.min() and numbers.max() < 1
    assert len(numbers.unique()) == 20_000
    counts = torch.histc(numbers, 20, 0, 1)
    assert (counts - 1000).abs().max() < 130  # four standard deviations
    for other in (row_uniforms(seeds, steps, 2), row_uniforms(seeds, steps + 1, 1), row_uniforms(seeds + 1, steps, 1)):
        assert abs(torch.corrcoef(torch.stack([numbers, other]))[0, 1].item()) < 0.03
    assert torch.equal(row_uniforms(seeds[7:9], steps[7:9], 1), numbers[7:9])


def test_the_first_numbers_are_those_of_splitmix() -> None:
    """From Python's integers, which do not wrap around."""
    whole = 2**64 - 1

    def mix(value: int) -> int:
        value = (value + 0x9E3779B97F4A7C15) & whole
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & whole
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & whole
        return value ^ (value >> 31)

    expected = [(mix(mix(mix(seed) ^ 3) ^ 5) >> 11) * 2.0**-53 for seed in (0, 1, 1_000_000)]
    assert row_uniforms(torch.tensor([0, 1, 1_000_000]), torch.full((3,), 3), 5).tolist() == expected


@torch.inference_mode()
def test_what_follows_is_what_full_passes_predict() -> None:
    """Of both kinds: an action, its reward and the next state, each the likeliest token after all before it."""
    for kind in KINDS:
        model = trajectory_model(kind)
        memory, features, before, states = decoded(model, kind, 6)
        per_step = model.tokens_per_step
        tokens, stops = continue_present(model, features, states[:, -1], memory.kv_cache, per_step, None)
        for number in range(per_step):
            rows = zip(before, states, tokens[:, :number], strict=True)
            passed = torch.stack([Episode(model, *past).features(imagined) for *past, imagined in rows])
            position = (before.shape[1] + number - 1) % per_step
            assert model.next_logits(passed, position).argmax(-1).tolist() == tokens[:, number].tolist(), (kind, number)
            if position == per_step - 1:
                torch.testing.assert_close(stops, model.stop_logits(passed), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_without_a_token_after_the_reward_nothing_is_said_of_the_end() -> None:
    model = trajectory_model("choices")
    memory, features, _, states = decoded(model, "choices", 2)
    assert continue_present(model, features, states[:, -1], memory.kv_cache, 2, None)[1] is None
    assert continue_present(model, features, states[:, -1], memory.kv_cache, 3, None)[1].shape == (3,)
