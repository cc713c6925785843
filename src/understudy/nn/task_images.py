"""Pictures in the states of some tasks: of each picture one token, from its patches.

Images            -- what they look like
TaskImages        -- the tokens
read_names(tasks) -- the components that patches read beside their own
has_picture(task) -- whether it has any

Some components of such a task, one after the other, are a picture, row by row, place by place, channel by channel: `pixels_0`,
`pixels_1`, ..., which are from 0 to 255, or `grid_0`, `grid_1`, ..., which say what a grid's cells hold and count as they are.
K tasks, B rows, S states, N numbers of a picture, P patches, R other components, D width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.interface import Task

GREATEST = {"pixels_": 255.0, "grid_": 1.0}  # number of a component, by how those of a picture are named


@dataclass(frozen=True)
class Images:
    """Pictures of one shape.

    Attributes:
        shape: rows, columns and channels.
        patch_size: side of a square patch, in pixels or cells.
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

    A patch also reads what else is observed, such as an instruction, so that it can tell whether it is what is asked for. That
    is added before the nonlinearity, one map of it for all places and tasks, in which a component has its place by its name and
    counts as its task normalises it, unlike a picture, which is the same in all tasks: the shift of FiLM (Perez et al., 2018),
    with which BabyAI's own models read missions. Gato (Reed et al., 2022) has a token a patch; here one of the picture keeps a
    step short.

    Args:
        tasks: K of them.
        images: what those that have pictures show.
        embed_dim: D.

    Raises:
        ValueError: a task has another picture.

    Attributes:
        other_counts: how many components of each task are no picture's.
    """

    places: Tensor
    scale: Tensor
    offset: Tensor
    is_there: Tensor
    other_places: Tensor
    read_places: Tensor

    def __init__(self, tasks: Sequence[Task], images: Images, embed_dim: int) -> None:
        super().__init__()
        self.images, count = images, images.size
        found = [_picture(task, count) for task in tasks]
        # A row of zeros stands for the scale of a task without a picture, whose numbers then count for nothing.
        scale, offset = torch.zeros(2, len(tasks), count)
        places, others = torch.zeros(len(tasks), count, dtype=torch.int64), []
        for number, (task, picture) in enumerate(zip(tasks, found, strict=True)):
            names = list(enumerate(task.visible_components))
            if picture is not None:
                first, greatest = picture
                block = slice(first, first + count)
                places[number] = torch.arange(first, first + count)
                scale[number] = torch.tensor(task.scales.state_std[block]) / greatest
                offset[number] = torch.tensor(task.scales.state_mean[block]) / greatest
                del names[block]
            others.append(names)
        self.other_counts = [len(names) for names in others]
        read = read_names(tasks)
        self.patch_map = nn.Linear(count // images.num_patches, images.patch_dim)
        self.condition_map = nn.Linear(len(read), images.patch_dim, bias=False) if read else None
        self.token_map = nn.Linear(images.num_patches * images.patch_dim, embed_dim)
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("is_there", torch.tensor([picture is not None for picture in found]), persistent=False)
        self.register_buffer("other_places", _places_of_others(others), persistent=False)
        self.register_buffer("read_places", _places_by_name(others, read), persistent=False)

    @property
    def everywhere(self) -> bool:
        """Whether all tasks have pictures."""
        return bool(self.is_there.all())

    def others(self, states: Tensor, task_ids: Tensor) -> Tensor:
        """The components (B, ..., R) of states (B, ..., S) that are no picture's, a task's own first."""
        return _gathered(states, self.other_places[task_ids])

    def forward(self, states: Tensor, task_ids: Tensor) -> Tensor:
        """Tokens (B, ..., D) of normalised states (B, ..., S); they mean nothing where a task has no picture."""
        pixels = _gathered(states, self.places[task_ids])  # (B, ..., N)
        pixels = pixels * _laid(self.scale[task_ids], pixels) + _laid(self.offset[task_ids], pixels)
        features = self.patch_map(self.images.patches(pixels))  # (B, ..., P, patch_dim)
        if self.condition_map is not None:
            read = _gathered(states, self.read_places[task_ids])
            features = features + self.condition_map(read).unsqueeze(-2)
        token: Tensor = self.token_map(functional.gelu(features).flatten(-2))
        return token


def read_names(tasks: Sequence[Task]) -> list[str]:
    """The components of tasks with pictures that are no picture's, each name once."""
    pictured = [task.visible_components for task in tasks if has_picture(task)]
    return list(dict.fromkeys(name for names in pictured for name in names if not _is_pictures(name)))


def has_picture(task: Task) -> bool:
    """Whether components of the task are named as those of a picture."""
    return any(map(_is_pictures, task.visible_components))


def _is_pictures(name: str) -> bool:
    return name.startswith(tuple(GREATEST))


def _laid(values: Tensor, like: Tensor) -> Tensor:
    """Values (B, n) of rows, laid over their steps (B, ..., n)."""
    return values.reshape(len(values), *[1] * (like.ndim - 2), values.shape[-1])


def _gathered(states: Tensor, places: Tensor) -> Tensor:
    """The components (B, ..., n) of states (B, ..., S) at places (B, n), below S; 0 where a place is negative."""
    laid = _laid(places, states).expand(*states.shape[:-1], -1)
    return torch.where(laid < 0, 0.0, states.gather(-1, laid.clamp(0, states.shape[-1] - 1)))


def _places_of_others(others: Sequence[Sequence[tuple[int, str]]]) -> Tensor:
    """Where (K, R) each task has its components, given with their names; -1 beyond them."""
    rows = [torch.tensor([place for place, _ in names], dtype=torch.int64) for names in others]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)


def _places_by_name(others: Sequence[Sequence[tuple[int, str]]], wanted: Sequence[str]) -> Tensor:
    """Where (K, len(wanted)) each task has the components of these names; -1 where it has none."""
    places = [{name: place for place, name in names} for names in others]
    return torch.tensor([[each.get(name, -1) for name in wanted] for each in places], dtype=torch.int64)


def _picture(task: Task, count: int) -> tuple[int, float] | None:
    """Where the picture of the task begins, and the greatest number of a component; None where it has none.

    Raises:
        ValueError: components named as those of a picture are not a whole one, one after the other.
    """
    names = task.visible_components
    for prefix, greatest in GREATEST.items():
        places = [place for place, name in enumerate(names) if name.startswith(prefix)]
        if not places:
            continue
        first, expected = places[0], tuple(f"{prefix}{number}" for number in range(count))
        if len(places) != count or names[first : first + count] != expected:
            raise ValueError(
                f"image_shape: expected components {expected[0]} to {expected[-1]} of"
                f" {task.environment.environment_id}, one after the other, got {len(places)} named so, from"
                f" {names[first]} to {names[places[-1]]}"
            )
        return first, greatest
    return None
