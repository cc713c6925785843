"""Tokens of states and actions, from weights set by hand so that the expected numbers can be read off."""

import pytest
import torch

from understudy.nn.embeddings import ActionEmbedding, StateEmbedding, draw_action_dropout, previous_states


def test_the_step_before_the_first_is_the_first() -> None:
    states = torch.tensor([[[1.0], [2.0], [5.0]], [[7.0], [7.0], [9.0]]])
    assert previous_states(states)[..., 0].tolist() == [[1, 1, 2], [7, 7, 7]]


@torch.no_grad()
def test_a_state_token_without_differences_ignores_the_step_before() -> None:
    embed = StateEmbedding(2, 2, differences=False)
    embed.project.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 10.0]]))
    embed.project.bias.copy_(torch.tensor([0.5, 0.0]))
    assert embed(torch.tensor([3.0, 4.0]), torch.tensor([99.0, 99.0])).tolist() == [3.5, 40.0]


@torch.no_grad()
def test_a_state_token_with_differences_carries_state_and_change() -> None:
    embed = StateEmbedding(2, 4, differences=True)
    embed.project.weight.copy_(torch.eye(4))
    embed.project.bias.zero_()
    assert embed(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 5.0])).tolist() == [3.0, 4.0, 2.0, -1.0]


@torch.no_grad()
def test_a_change_is_measured_in_its_usual_size() -> None:
    embed = StateEmbedding(2, 4, differences=True, difference_scale=[4.0, 0.5])
    embed.project.weight.copy_(torch.eye(4))
    embed.project.bias.zero_()
    assert embed(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 5.0])).tolist() == [3.0, 4.0, 0.5, -2.0]
    assert embed.state_dict().keys() == {"project.weight", "project.bias"}


def test_a_size_for_every_component_is_asked_for() -> None:
    with pytest.raises(ValueError, match="difference_scale: expected 2 numbers, got 3"):
        StateEmbedding(2, 4, differences=True, difference_scale=[1.0, 1.0, 1.0])


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
