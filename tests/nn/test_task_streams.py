"""The steps of several tasks as one stream: the order of its tokens told by hand, decoded steps by the full pass."""

import pytest
import torch
from torch import Tensor

from tests.mixed import TASKS, draw_mixed
from understudy.nn.row_memory import RowMemory
from understudy.nn.task_options import TaskOptions
from understudy.nn.task_returns import TaskReturns
from understudy.nn.task_spaces import TaskSpaces
from understudy.nn.task_streams import TaskStream
from understudy.nn.task_tokens import CoarseTokens, FineTokens
from understudy.nn.task_values import ActionValues
from understudy.step import Step

IDS, STEPS, WIDTH = torch.tensor([2, 0, 1]), 4, 8
SPACES = TaskSpaces(TASKS)
each_layout = pytest.mark.parametrize("fine", [False, True], ids=["coarse", "fine"])
each_telling = pytest.mark.parametrize("told", [False, True], ids=["plain", "told"])


def build(fine: bool, told: bool) -> TaskStream:
    torch.manual_seed(0)
    tokens = FineTokens(ActionValues(SPACES, 9), WIDTH, 16) if fine else CoarseTokens(SPACES, WIDTH)
    with torch.no_grad():
        tokens.dropped_token.fill_(7.0)
    return TaskStream(tokens, TaskReturns(TASKS, WIDTH, 0) if told else None)


@each_layout
@each_telling
def test_a_step_is_what_is_observed_then_its_return_then_the_action(fine: bool, told: bool) -> None:
    stream, (states, entries) = build(fine, told), draw_mixed(IDS, STEPS)
    returns = torch.randn(3, STEPS) if told else None
    embedded, steps, _ = stream.embed(states, entries, IDS, returns_to_go=returns)
    observed, acted = (6, 2) if fine else (1, 1)
    per_step = observed + told + acted
    assert stream.tokens_per_step == per_step
    assert steps.tolist() == [time for time in range(STEPS) for _ in range(per_step)]
    by_step = embedded.unflatten(1, (STEPS, per_step))
    assert torch.equal(by_step[:, :, :observed], stream.tokens.observed(states, IDS))
    assert torch.equal(by_step[:, :, observed + told :], stream.tokens.acted(entries, IDS))
    if told:
        assert torch.equal(by_step[:, :, observed], stream.returns.embed(returns))


def test_a_dropped_action_is_the_token_of_one() -> None:
    stream, (states, entries) = build(False, True), draw_mixed(IDS, STEPS)
    dropped = torch.zeros(3, STEPS, dtype=torch.bool)
    dropped[1, 2] = True
    embedded, _, _ = stream.embed(states, entries, IDS, dropped=dropped, returns_to_go=torch.zeros(3, STEPS))
    assert ((embedded.unflatten(1, (STEPS, 3)) == 7.0).all(-1).nonzero()).tolist() == [[1, 2, 2]]


def test_a_return_exists_where_components_and_entries_do_not() -> None:
    (states, entries), returns = draw_mixed(IDS, STEPS), torch.zeros(3, STEPS)
    expected = [
        [1, 1, 0, 0, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 0, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1, 1, 1, 0],
    ]
    stream = build(True, True)
    assert stream.exist(IDS).long().tolist() == expected
    _, _, real = stream.embed(states, entries, IDS, returns_to_go=returns)
    assert real.long().tolist() == [STEPS * each for each in expected]
    assert build(True, False).exist(IDS).long().tolist() == [each[:6] + each[7:] for each in expected]
    assert build(False, True).exist(IDS) is None
    assert build(False, True).embed(states, entries, IDS, returns_to_go=returns)[2] is None


@each_layout
@each_telling
@torch.inference_mode()
def test_decoded_step_by_step_it_is_what_the_full_pass_says(fine: bool, told: bool) -> None:
    """Nothing is paid, so that 10 are wanted all along: by the toys' scales (10 - 3) / 4."""
    stream, (states, entries) = build(fine, told), draw_mixed(IDS, STEPS)
    trunk = TaskOptions(context=2).build_trunk(WIDTH, 2, 2, 16, 12).eval()
    memory = RowMemory(
        3,
        {"reward_so_far": torch.zeros(3)},
        trunk.new_cache(3, stream.tokens_per_step),
        settings={"targets": [10.0, 10.0, 10.0]},
    )
    memory.task_ids = IDS
    played = torch.stack([decoded(stream, trunk, memory, states, entries, time) for time in range(STEPS)], dim=1)
    returns = torch.full((3, STEPS), 1.75) if told else None
    tokens, steps, real = stream.embed(states, entries, IDS, returns_to_go=returns)
    features = trunk(tokens, steps, stream.tokens_per_step, real).unflatten(1, (STEPS, -1))
    expected = features[:, :, (6 if fine else 1) - 1 + told]
    torch.testing.assert_close(played, expected, atol=1e-5, rtol=1e-5)


def decoded(stream: TaskStream, trunk, memory: RowMemory, states: Tensor, entries: Tensor, time: int) -> Tensor:
    previous = entries[:, time - 1] if time else torch.zeros_like(entries[:, 0])
    step = Step(states[:, time], previous, torch.zeros(3), torch.full((3,), time == 0))
    features = stream.decode_step(trunk, memory, step, previous)
    memory.kv_cache.end_step()
    return features
