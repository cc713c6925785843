"""Prompts: what a cache that keeps them plays is what the full pass says, and a row sees its own prompts however long it is."""

import pytest
import torch
from torch import Tensor

from understudy.nn.prompts import LayerPrompt, encode_prompts
from understudy.nn.trunk import Trunk

ROWS, PROMPTS, LENGTH, PER_STEP, STEPS = 3, 2, 5, 2, 11
STEPS_OF_TOKENS = torch.arange(STEPS).repeat_interleave(PER_STEP)


def small_trunk(context: int, num_kv_heads: int | None = None) -> Trunk:
    torch.manual_seed(0)
    trunk = Trunk(16, 2, num_heads=2, hidden_dim=32, context=context, num_kv_heads=num_kv_heads).eval()
    with torch.no_grad():
        for weights in trunk.parameters():
            if weights.ndim > 1:
                weights.add_(torch.randn_like(weights), alpha=0.4)
    return trunk


def draw() -> tuple[Tensor, Tensor, Tensor]:
    """Tokens of rows and of their prompts, and which of the latter there are."""
    torch.manual_seed(1)
    exists = torch.ones(ROWS, PROMPTS, LENGTH * PER_STEP, dtype=torch.bool)
    exists[1, 0, 6:], exists[2, 1] = False, False
    return torch.randn(ROWS, STEPS * PER_STEP, 16), torch.randn(ROWS, PROMPTS, LENGTH * PER_STEP, 16), exists


def encode(trunk: Trunk, prompts: Tensor, exists: Tensor, begin: int = 0) -> list[LayerPrompt]:
    steps = (begin + torch.arange(-LENGTH, 0)).repeat_interleave(PER_STEP).expand(len(prompts), -1)
    return encode_prompts(trunk, prompts, steps, exists)


def full_pass(trunk: Trunk, tokens: Tensor, prompts: list[LayerPrompt] | None) -> Tensor:
    return trunk(tokens, STEPS_OF_TOKENS, PER_STEP, prompts=prompts)


@pytest.mark.parametrize(("context", "num_kv_heads"), [(1, None), (4, 1), (4, 2), (20, None)])
@torch.inference_mode()
def test_a_cache_that_keeps_prompts_gives_the_full_pass(context: int, num_kv_heads: int | None) -> None:
    """Rows have played other episodes before, so that the clock stands at three; the ring then goes round."""
    trunk, (tokens, prompts, exists) = small_trunk(context, num_kv_heads), draw()
    expected = full_pass(trunk, tokens, encode(trunk, prompts, exists))[:, PER_STEP - 1 :: PER_STEP]
    cache, rows = trunk.new_cache(ROWS, PER_STEP, PROMPTS * LENGTH * PER_STEP), torch.arange(ROWS)
    cache.prompt(rows, encode(trunk, prompts.flip(0), exists.flip(0)))
    for _ in range(3):
        trunk.decode_step(torch.randn(ROWS, PER_STEP, 16), (0,) * PER_STEP, cache, in_order=True)
        cache.end_step()
    cache.reset(rows)
    cache.prompt(rows, encode(trunk, prompts, exists, cache.clock))
    for time in range(STEPS):
        present = tokens[:, time * PER_STEP : (time + 1) * PER_STEP]
        features = trunk.decode_step(present, (0,) * PER_STEP, cache, in_order=True)
        torch.testing.assert_close(features, expected[:, time], atol=2e-5, rtol=2e-5)
        cache.end_step()


@torch.inference_mode()
def test_what_is_imagined_sees_the_prompts() -> None:
    trunk, (tokens, prompts, exists) = small_trunk(4), draw()
    expected = full_pass(trunk, tokens, encode(trunk, prompts, exists))
    cache = trunk.new_cache(ROWS, PER_STEP, PROMPTS * LENGTH * PER_STEP)
    cache.prompt(torch.arange(ROWS), encode(trunk, prompts, exists))
    trunk.decode_step(tokens[:, :1], (0,), cache)
    draft = trunk.new_beams(cache, 1)
    imagined = trunk.decode_beams(tokens[:, 1:2], 0, torch.ones(1, 1, dtype=torch.bool), draft)
    torch.testing.assert_close(imagined[:, 0], expected[:, 1], atol=2e-5, rtol=2e-5)


@torch.inference_mode()
def test_a_rows_last_step_sees_its_own_prompt_and_no_other_rows() -> None:
    trunk, (tokens, prompts, exists) = small_trunk(1), draw()
    other = torch.cat([prompts[:1].flip(-1), prompts[1:]])
    before, after = (full_pass(trunk, tokens, encode(trunk, each, exists)) for each in (prompts, other))
    assert (before[0, -1] - after[0, -1]).abs().max() > 0.1
    assert torch.equal(before[1:], after[1:])


@torch.inference_mode()
def test_the_order_of_prompts_means_nothing_and_those_that_are_not_there_are_not_seen() -> None:
    trunk, (tokens, prompts, exists) = small_trunk(4), draw()
    features = full_pass(trunk, tokens, encode(trunk, prompts, exists))
    turned = full_pass(trunk, tokens, encode(trunk, prompts.flip(1), exists.flip(1)))
    torch.testing.assert_close(turned, features, atol=2e-5, rtol=2e-5)
    changed = torch.where(exists[..., None], prompts, 33.0)
    assert torch.equal(full_pass(trunk, tokens, encode(trunk, changed, exists)), features)
    none = full_pass(trunk, tokens, encode(trunk, prompts, torch.zeros_like(exists)))
    torch.testing.assert_close(none, full_pass(trunk, tokens, None), atol=2e-5, rtol=2e-5)


@torch.inference_mode()
def test_a_prompts_tokens_see_none_after_them() -> None:
    trunk, (_, prompts, exists) = small_trunk(4), draw()
    later = torch.cat([prompts[:, :, :4], prompts[:, :, 4:].flip(-1)], dim=2)
    one, other = encode(trunk, prompts, exists)[1].kv, encode(trunk, later, exists)[1].kv
    of_prompt = LENGTH * PER_STEP
    for number in range(PROMPTS):
        early, late = (slice(number * of_prompt + begin, number * of_prompt + end) for begin, end in ((0, 4), (4, 10)))
        assert torch.equal(one[:, :, :, early], other[:, :, :, early])
        assert not torch.equal(one[:, :, :, late], other[:, :, :, late])


@torch.inference_mode()
def test_one_token_a_step_is_that_part_of_the_full_pass() -> None:
    trunk, (tokens, prompts, exists) = small_trunk(4), draw()
    encoded = encode(trunk, prompts, exists)
    asked = trunk(tokens, STEPS_OF_TOKENS, PER_STEP, token=1, prompts=encoded)
    torch.testing.assert_close(asked, full_pass(trunk, tokens, encoded)[:, 1::PER_STEP], atol=1e-6, rtol=1e-6)


@torch.inference_mode()
def test_an_episode_without_prompts_forgets_those_of_the_one_before() -> None:
    trunk, (tokens, prompts, exists) = small_trunk(4), draw()
    cache, rows = trunk.new_cache(ROWS, PER_STEP, PROMPTS * LENGTH * PER_STEP), torch.arange(ROWS)
    cache.prompt(rows, encode(trunk, prompts, exists))
    cache.reset(rows)
    features = trunk.decode_step(tokens[:, :PER_STEP], (0,) * PER_STEP, cache, in_order=True)
    expected = full_pass(trunk, tokens, None)[:, PER_STEP - 1]
    torch.testing.assert_close(features, expected, atol=2e-5, rtol=2e-5)
