"""Tokens of states and actions, from weights set by hand so that the expected numbers can be read off."""

import pytest
import torch

from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_action_dropout
from understudy.nn.row_memory import RowMemory
from understudy.step import Step


@torch.no_grad()
def test_a_state_token_projects_the_state_and_its_differences() -> None:
    embed = StateEmbedding(2, 4, 1, [[4.0, 0.5]])
    embed.project.weight.copy_(torch.eye(4))
    embed.project.bias.copy_(torch.tensor([0.0, 0.0, 100.0, 0.0]))
    states, memory = torch.tensor([[[1.0, 5.0], [3.0, 4.0]]]), RowMemory(1, embed.window.begin(1))
    expected = [[1.0, 5.0, 100.0, 0.0], [3.0, 4.0, 100.5, -2.0]]
    assert embed(states).tolist() == [expected]
    for time, token in enumerate(expected):
        step = Step(states[:, time], torch.zeros(1, dtype=torch.int64), torch.zeros(1), torch.tensor([time == 0]))
        assert embed.decode_step(memory, step).tolist() == [token]
    assert embed.state_dict().keys() == {"project.weight", "project.bias"}


@torch.no_grad()
def test_a_choice_gets_its_row_of_the_table() -> None:
    embed = ActionEmbedding(3, 2, discrete_actions=True)
    embed.embed.weight.copy_(torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    assert embed(torch.tensor([[2, 0]])).tolist() == [[[4.0, 5.0], [0.0, 1.0]]]


@torch.no_grad()
def test_an_action_vector_is_projected() -> None:
    embed = ActionEmbedding(2, 3, discrete_actions=False)
    embed.embed.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.0, 2.0]]))
    embed.embed.bias.copy_(torch.tensor([0.0, 100.0, 0.5]))
    assert embed(torch.tensor([3.0, 4.0])).tolist() == [7.0, 99.0, 8.5]


@torch.no_grad()
def test_a_dropped_action_gets_the_learned_token_instead() -> None:
    embed = ActionEmbedding(2, 2, discrete_actions=True)
    embed.embed.weight.copy_(torch.tensor([[1.0, 1.0], [2.0, 2.0]]))
    embed.dropped_token.copy_(torch.tensor([-1.0, -2.0]))
    tokens = embed(torch.tensor([[0, 1, 1]]), torch.tensor([[False, True, False]]))
    assert tokens.tolist() == [[[1, 1], [-1, -2], [2, 2]]]


def test_nothing_is_drawn_where_nothing_may_be_dropped() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert draw_action_dropout(torch.Size([2, 3]), 0.0, generator) is None
    assert torch.equal(generator.get_state(), before)


def test_a_chance_of_one_drops_every_action() -> None:
    assert draw_action_dropout(torch.Size([4, 50]), 1.0, torch.Generator().manual_seed(0)).all()


@pytest.mark.parametrize("chance", [0.1, 0.7])
def test_the_share_of_dropped_actions_is_the_chance(chance: float) -> None:
    dropped = draw_action_dropout(torch.Size([100, 200]), chance, torch.Generator().manual_seed(0))
    assert dropped.float().mean().item() == pytest.approx(chance, abs=0.02)  # five standard errors


def test_dropped_actions_are_a_function_of_the_generator() -> None:
    with torch.device("meta"):  # where a draw that names no device would be
        draws = [
            draw_action_dropout(torch.Size([5, 40]), 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
