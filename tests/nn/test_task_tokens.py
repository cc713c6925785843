"""Tokens of several tasks: how many there are, which exist, and what they are made of."""

from dataclasses import replace

import torch

from tests.mixed import TASKS, WIDE
from tests.toys import tiny_interface
from understudy.nn.mu_law import MuLawBins
from understudy.nn.task_images import Images, TaskImages
from understudy.nn.task_spaces import TaskSpaces
from understudy.nn.task_tokens import CoarseTokens, FineTokens
from understudy.nn.task_values import ActionValues

IDS = torch.tensor([2, 0, 1])
SPACES = TaskSpaces(TASKS)


def fine() -> FineTokens:
    torch.manual_seed(0)
    return FineTokens(ActionValues(SPACES, 9), embed_dim=6, num_bins=16)


def test_coarse_tokens_are_a_state_and_an_action() -> None:
    torch.manual_seed(0)
    tokens = CoarseTokens(SPACES, 6)
    states, entries = (
        torch.randn(3, 4, 5),
        torch.tensor([[0.5, -0.5], [2.0, 0.0], [3.0, 0.0]])[:, None].expand(-1, 4, -1),
    )
    assert tokens.exist(IDS) is None
    observed, acted = tokens.observed(states, IDS), tokens.acted(entries, IDS)
    assert observed.shape == acted.shape == (3, 4, 1, 6)
    own = tokens.state_map.maps[2](states[0, :, :2]) + tokens.task_vectors[2]
    torch.testing.assert_close(observed[0, :, 0], own)
    torch.testing.assert_close(acted[0, 0, 0], tokens.action_map.maps[2](torch.tensor([0.5, -0.5])))
    torch.testing.assert_close(acted[1, 0, 0], tokens.choice_vectors[0, 2])
    torch.testing.assert_close(acted[2, 0, 0], tokens.choice_vectors[1, 3])


def test_fine_tokens_are_the_numbers_a_separator_and_the_entries() -> None:
    tokens = fine()
    assert (tokens.num_observed, tokens.num_entries) == (6, 2)
    exists = tokens.exist(IDS)
    assert exists.long().tolist() == [
        [1, 1, 0, 0, 0, 1, 1, 1],
        [1, 1, 1, 0, 0, 1, 1, 0],
        [1, 1, 1, 1, 1, 1, 1, 0],
    ]
    observed = tokens.observed(torch.randn(3, 4, 5), IDS)
    assert observed.shape == (3, 4, 6, 6)
    assert torch.equal(observed[:, 0, 5], tokens.task_vectors[IDS])


def test_a_number_is_its_bin_its_component_and_how_much_it_is() -> None:
    tokens, bins = fine(), MuLawBins(16)
    states = torch.full((1, 5), 0.7)
    place = bins.encode(torch.tensor(0.7))
    expected = (
        tokens.bin_vectors()[0, place]
        + tokens.component_vectors[1, 3]
        + bins.decode(place) * tokens.component_directions[1, 3]
    )
    torch.testing.assert_close(tokens.observed(states, torch.tensor([1]))[0, 3], expected)


def test_a_dropped_action_is_the_same_token_whatever_it_was() -> None:
    tokens = fine()
    with torch.no_grad():
        tokens.dropped_token.fill_(3.0)
    entries, dropped = torch.zeros(3, 2, 2), torch.tensor([[True, False]] * 3)
    acted = tokens.acted(entries, IDS, dropped)
    assert (acted[:, 0] == 3.0).all() and not (acted[:, 1] == 3.0).all()


@torch.no_grad()
def test_a_task_s_vector_is_added_to_the_state_beside_a_picture() -> None:
    torch.manual_seed(0)
    pictured = tiny_interface(replace(WIDE, components=("a", *(f"pixels_{place}" for place in range(8)), "b"))).task
    images = TaskImages([TASKS[0], pictured], Images((2, 4, 1), patch_size=2, patch_dim=3), 6)
    tokens = CoarseTokens(TaskSpaces([TASKS[0], pictured]), 6, images)
    states, ids = torch.randn(2, 3, 10), torch.tensor([0, 1])
    tokens.task_vectors.zero_()
    before = tokens.observed(states, ids)
    tokens.task_vectors.fill_(0.5)
    after = tokens.observed(states, ids)
    torch.testing.assert_close(after[:, :, 1], before[:, :, 1] + 0.5)
    torch.testing.assert_close(after[:, :, 0], before[:, :, 0])
