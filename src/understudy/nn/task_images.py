"""Pictures in the states of some tasks: of each picture one token, from its patches.

Images     -- what they look like
TaskImages -- the tokens

The last components of such a task, `pixels_0`, `pixels_1`, ..., are a picture: numbers from 0 to 255, row by row, pixel by pixel,
channel by channel. K tasks, B rows, N numbers of a picture, P patches, D width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.interface import Task

PREFIX = "pixels_"
BRIGHTEST = 255.0


@dataclass(frozen=True)
class Images:
    """Pictures of one shape.

    Attributes:
        shape: rows, columns and channels.
        patch_size: side of a square patch, in pixels.
        patch_dim: how many numbers a patch becomes before all of them become a token.

    Raises:
        ValueError: a number is not positive, or patches do not fill the picture.
    """

    shape: tuple[int, ...]
    patch_size: int
    patch_dim: int

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"image_shape: expected rows, columns and channels, got {list(self.shape)}")
        rows, columns, _ = self.shape
        if self.patch_size < 1 or rows % self.patch_size or columns % self.patch_size:
            raise ValueError(
                f"patch_size: expected a divisor of {rows} rows and {columns} columns, got {self.patch_size}"
            )
        if self.patch_dim < 1:
            raise ValueError(f"patch_dim: expected at least 1, got {self.patch_dim}")

    @classmethod
    def of(cls, shape: Sequence[int] | None, patch_size: int | None, patch_dim: int | None) -> "Images | None":
        """Those that a model is told of; None where it is told of none.

        Raises:
            ValueError: only some of the three are given.
        """
        if shape is None and patch_size is None and patch_dim is None:
            return None
        if shape is None or patch_size is None or patch_dim is None:
            raise ValueError(
                f"image_shape, patch_size, patch_dim: expected all or none, got {shape}, {patch_size} and {patch_dim}"
            )
        return cls(tuple(shape), patch_size, patch_dim)

    @property
    def size(self) -> int:
        """N, of a picture."""
        return math.prod(self.shape)

    @property
    def num_patches(self) -> int:
        """P."""
        return self.shape[0] * self.shape[1] // self.patch_size**2

    def patches(self, pixels: Tensor) -> Tensor:
        """Patches (..., P, patch_size * patch_size * channels), row by row, of pictures (..., N)."""
        (rows, columns, channels), side = self.shape, self.patch_size
        cut = pixels.unflatten(-1, (rows // side, side, columns // side, side, channels))
        return cut.transpose(-4, -3).flatten(-3).flatten(-3, -2)


class TaskImages(nn.Module):
    """One map for the patches of all tasks, and one of what they become for the token: where a patch lies is then known.

    Gato (Reed et al., 2022) has a token a patch; here one of the picture keeps a step short.

    Args:
        tasks: K of them.
        images: what those that have pictures show.
        embed_dim: D.

    Raises:
        ValueError: no task has a picture, or a task another one.

    Attributes:
        sizes: N of each task, 0 where it has no picture.
    """

    first: Tensor
    scale: Tensor
    offset: Tensor
    is_there: Tensor

    def __init__(self, tasks: Sequence[Task], images: Images, embed_dim: int) -> None:
        super().__init__()
        self.images, count = images, images.size
        self.sizes = [_picture_size(task, count) for task in tasks]
        if not any(self.sizes):
            raise ValueError(f"image_shape: expected a task with components {PREFIX}0 to {PREFIX}{count - 1}, got none")
        self.patch_map = nn.Linear(count // images.num_patches, images.patch_dim)
        self.token_map = nn.Linear(images.num_patches * images.patch_dim, embed_dim)
        # A row of zeros stands for the scale of a task without a picture, whose numbers then count for nothing.
        scale, offset = torch.zeros(2, len(tasks), count)
        for number, task in enumerate(tasks):
            if self.sizes[number]:
                scale[number] = torch.tensor(task.scales.state_std[-count:]) / BRIGHTEST
                offset[number] = torch.tensor(task.scales.state_mean[-count:]) / BRIGHTEST
        first = [max(task.state_dim - count, 0) for task in tasks]
        self.register_buffer("first", torch.tensor(first), persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("is_there", torch.tensor(self.sizes) > 0, persistent=False)

    @property
    def everywhere(self) -> bool:
        """Whether all tasks have pictures."""
        return all(self.sizes)

    def forward(self, states: Tensor, task_ids: Tensor) -> Tensor:
        """Tokens (B, ..., D) of normalised states (B, ..., S); they mean nothing where a task has no picture."""
        rows = states.flatten(1, -2) if states.ndim > 2 else states[:, None]  # (B, n, S)
        places = self.first[task_ids][:, None] + torch.arange(self.scale.shape[1], device=states.device)  # (B, N)
        places = places.clamp(max=states.shape[-1] - 1)[:, None].expand(-1, rows.shape[1], -1)
        pixels = rows.gather(-1, places) * self.scale[task_ids][:, None] + self.offset[task_ids][:, None]
        features = functional.gelu(self.patch_map(self.images.patches(pixels)))  # (B, n, P, patch_dim)
        token: Tensor = self.token_map(features.flatten(-2))
        return token.reshape(*states.shape[:-1], -1)


def _picture_size(task: Task, count: int) -> int:
    """N of the task.

    Raises:
        ValueError: its last components are not all of a picture's.
    """
    names = tuple(name for name in task.visible_components if name.startswith(PREFIX))
    expected = tuple(f"{PREFIX}{place}" for place in range(count))
    if (names and task.visible_components[-count:] != expected) or len(names) > count:
        raise ValueError(
            f"image_shape: expected the last components of {task.environment.environment_id} to be {expected[0]} to"
            f" {expected[-1]}, got {len(names)} named so, from {names[0]} to {names[-1]}"
        )
    return len(names)
