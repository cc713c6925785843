"""Pictures among the components of a state: which patches they are cut into, and what becomes of them."""

from dataclasses import replace

import pytest
import torch

from tests.builders import refused
from tests.mixed import TASKS, WIDE
from tests.toys import tiny_interface
from understudy.nn.task_images import Images, TaskImages
from understudy.nn.task_spaces import TaskSpaces
from understudy.nn.task_tokens import CoarseTokens

IMAGES = Images((2, 4, 1), patch_size=2, patch_dim=3)
PIXELS, GRID = (tuple(f"{start}_{place}" for place in range(8)) for start in ("pixels", "grid"))


def pictured(*components: str):
    return tiny_interface(replace(WIDE, components=components)).task


def test_patches_are_squares_of_the_picture_row_by_row() -> None:
    images = Images((4, 4, 2), patch_size=2, patch_dim=1)
    picture = torch.arange(32).reshape(4, 4, 2)
    patches = images.patches(picture.flatten()[None])
    assert patches.shape == (1, 4, 8)
    for place, (row, column) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):
        assert torch.equal(patches[0, place], picture[row : row + 2, column : column + 2].flatten())


def states_of(task, picture: torch.Tensor, before: int, others: torch.Tensor) -> torch.Tensor:
    """Normalised states (1, 3, 10) of a task, the picture after so many of the others, and what no task reads behind them."""
    raw = torch.cat([others[:before], picture, others[before:]])
    states = torch.full((1, 3, 10), 7.0)
    states[..., : len(raw)] = torch.from_numpy(task.normalize_states(raw.numpy()))
    return states


@torch.no_grad()
@pytest.mark.parametrize(("names", "greatest"), [(PIXELS, 255), (GRID, 1)], ids=["pixels", "grid"])
def test_a_token_is_made_of_the_task_s_own_picture_wherever_it_stands(names: tuple[str, ...], greatest: int) -> None:
    torch.manual_seed(0)
    wide, short = pictured("a", *names, "b"), pictured(*names)
    tokens = TaskImages([TASKS[0], wide, short], IMAGES, 6)
    assert tokens.other_counts == [TASKS[0].state_dim, 2, 0] and not tokens.everywhere
    assert TaskImages([wide], IMAGES, 6).everywhere
    assert tokens.condition_map is not None
    tokens.condition_map.weight.zero_()
    picture = torch.randint(greatest + 1, (8,)).float()
    patches = torch.stack([picture[[0, 1, 4, 5]], picture[[2, 3, 6, 7]]]) / greatest
    expected = tokens.token_map(torch.nn.functional.gelu(tokens.patch_map(patches)).flatten())
    for task, number, before, others in ((wide, 1, 1, torch.tensor([3.0, 4.0])), (short, 2, 0, torch.zeros(0))):
        found = tokens(states_of(task, picture, before, others), torch.tensor([number]))
        assert found.shape == (1, 3, 6)
        torch.testing.assert_close(found, expected.expand(1, 3, 6), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_every_patch_reads_what_else_is_observed_by_its_name() -> None:
    torch.manual_seed(0)
    tasks = [pictured("a", *PIXELS, "b"), pictured(*PIXELS, "b", "a"), pictured("b", *PIXELS)]
    tokens = TaskImages(tasks, IMAGES, 6)
    picture, (a, b) = torch.randint(256, (8,)).float(), torch.tensor([0.3, -0.8])
    assert tokens.condition_map is not None

    def expected(task, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        patches = torch.stack([picture[[0, 1, 4, 5]], picture[[2, 3, 6, 7]]]) / 255
        shift = tokens.condition_map(torch.stack([a, b]))
        return tokens.token_map(torch.nn.functional.gelu(tokens.patch_map(patches) + shift).flatten())

    rows = [(1, torch.stack([a, b])), (0, torch.stack([b, a])), (1, b[None])]
    for number, (before, others) in enumerate(rows):
        states = states_of(tasks[number], picture, before, others)
        found, numbers = tokens(states, torch.tensor([number])), torch.tensor([number])
        seen = dict(zip([name for name in tasks[number].visible_components if name in "ab"], range(2), strict=False))
        normalised = tokens.others(states, numbers)[0, 0]
        parts = [normalised[seen[name]] if name in seen else torch.zeros(()) for name in "ab"]
        torch.testing.assert_close(found[0, 0], expected(tasks[number], *parts), atol=1e-5, rtol=1e-5)
        assert torch.equal(normalised[: len(others)], tokens.others(states, numbers)[0, 2, : len(others)])
    assert tokens.other_counts == [2, 2, 1]


@pytest.mark.parametrize(
    "components",
    [("a", *PIXELS[:-1]), (*PIXELS[:4], "a", *PIXELS[4:]), (*PIXELS, "pixels_8"), ("a", *PIXELS[::-1])],
    ids=["too few", "apart", "too many", "backwards"],
)
def test_components_that_are_not_the_picture_s_are_refused(components: tuple[str, ...]) -> None:
    told = "image_shape: expected components pixels_0 to pixels_7 of Wide-v0, one after the other, got"
    with refused(ValueError, told):
        TaskImages([pictured(*components)], IMAGES, 6)


def test_tasks_without_a_picture_have_no_token_of_one() -> None:
    tasks = [TASKS[0], pictured("a", *PIXELS)]
    spaces = TaskSpaces(tasks)
    tokens = CoarseTokens(spaces, 6, TaskImages(tasks, IMAGES, 6))
    assert (tokens.num_observed, tokens.num_entries) == (2, 1)
    assert tokens.exist(torch.tensor([1, 0])).long().tolist() == [[1, 1, 1], [0, 1, 1]]
    assert [tokens.names(number) for number in (0, 1)] == [("", "state", "action"), ("picture", "state", "action")]
    assert [each.in_features for each in tokens.state_map.maps] == [TASKS[0].state_dim, 1]
    alone = CoarseTokens(TaskSpaces(tasks[1:]), 6, TaskImages(tasks[1:], IMAGES, 6))
    assert alone.exist(torch.tensor([0, 0])) is None


@torch.no_grad()
def test_the_state_s_token_is_made_of_what_is_no_picture() -> None:
    torch.manual_seed(0)
    task = pictured("a", *PIXELS, "b")
    tokens = CoarseTokens(TaskSpaces([task]), 6, TaskImages([task], IMAGES, 6))
    states, ids = torch.randn(2, 3, 10), torch.zeros(2, dtype=torch.int64)
    picture, state = tokens.observed(states, ids).unbind(2)
    assert torch.equal(picture, tokens.images(states, ids))
    expected = tokens.state_map.maps[0](states[..., [0, 9]]) + tokens.task_vectors[0]
    torch.testing.assert_close(state, expected)


def test_which_tasks_have_a_picture_is_no_weight() -> None:
    """It follows from the tasks; a model that starts from others' weights has other tasks."""
    tokens = TaskImages([TASKS[0], pictured(*PIXELS)], IMAGES, 6)
    assert tokens.is_there.tolist() == [False, True]
    assert set(tokens.state_dict()) == {name for name, _ in tokens.named_parameters()}
