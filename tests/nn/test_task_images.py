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
PIXELS = tuple(f"pixels_{place}" for place in range(8))


def pictured(*components: str):
    return tiny_interface(replace(WIDE, components=components)).task


def test_patches_are_squares_of_the_picture_row_by_row() -> None:
    images = Images((4, 4, 2), patch_size=2, patch_dim=1)
    picture = torch.arange(32).reshape(4, 4, 2)
    patches = images.patches(picture.flatten()[None])
    assert patches.shape == (1, 4, 8)
    for place, (row, column) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):
        assert torch.equal(patches[0, place], picture[row : row + 2, column : column + 2].flatten())


@torch.no_grad()
def test_a_token_is_made_of_the_raw_pixels_of_the_task_s_own_picture() -> None:
    torch.manual_seed(0)
    wide, short = pictured("a", "b", *PIXELS), pictured(*PIXELS)
    tokens = TaskImages([TASKS[0], wide, short], IMAGES, 6)
    assert tokens.sizes == [0, 8, 8] and not tokens.everywhere
    assert TaskImages([wide], IMAGES, 6).everywhere
    picture = torch.randint(256, (8,)).float()

    def token(task, number: int, before: int) -> torch.Tensor:
        raw = torch.cat([torch.zeros(before), picture])
        states = torch.full((1, 3, 10), 7.0)
        states[..., : before + 8] = torch.from_numpy(task.normalize_states(raw.numpy()))
        return tokens(states, torch.tensor([number]))

    patches = torch.stack([picture[[0, 1, 4, 5]], picture[[2, 3, 6, 7]]]) / 255
    expected = tokens.token_map(torch.nn.functional.gelu(tokens.patch_map(patches)).flatten())
    for task, number, before in ((wide, 1, 2), (short, 2, 0)):
        found = token(task, number, before)
        assert found.shape == (1, 3, 6)
        torch.testing.assert_close(found, expected.expand(1, 3, 6), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "components", [("a", *PIXELS[:-1]), (*PIXELS, "a"), (*PIXELS, "pixels_8"), ("a", *PIXELS[::-1])], ids=len
)
def test_components_that_are_not_the_picture_s_are_refused(components: tuple[str, ...]) -> None:
    with refused(ValueError, "image_shape: expected the last components of Wide-v0 to be pixels_0 to pixels_7, got"):
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
