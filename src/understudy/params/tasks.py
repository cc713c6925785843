"""`tasks:` in params.yaml, of projects in which one model learns several tasks."""

import re
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from understudy.errors import ParameterError
from understudy.params.policies import NAME
from understudy.params.section import Positive, Section
from understudy.validation import printable


class TaskParams(Section):
    """A task: a folder of its name beside params.yaml, a project of its own with demonstrations and specialists.

    Attributes:
        weight: how often it is drawn in training, beside those of the others.
    """

    weight: Positive


class TasksParams(RootModel[Annotated[dict[str, TaskParams], Field(min_length=1)]]):
    """All tasks by their names, in the order that their numbers follow."""

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="after")
    def _names_are_those_of_folders(self) -> Self:
        for name in self.root:
            if not re.fullmatch(NAME, name):
                raise ValueError(f"tasks.{printable(name)}: expected a name of a-z, 0-9 and _, got {name!r}")
        return self

    @property
    def names(self) -> list[str]:
        """Names of the tasks, in order."""
        return list(self.root)

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each, by name."""
        return {name: task.weight for name, task in self.root.items()}

    def items(self) -> Iterator[tuple[str, TaskParams]]:
        """Names and tasks, in order."""
        yield from self.root.items()

    def check(self, name: str) -> None:
        """Raise a ParameterError where there is no task `name`."""
        if name not in self.root:
            raise ParameterError(f"--task: expected one of {', '.join(self.root)}, got {name!r}")
