"""`policies:` in params.yaml: a block a student."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from understudy.errors import ParameterError
from understudy.models.registry import family_names
from understudy.params.section import Section
from understudy.validation import printable

RESERVED_NAMES = ("expert", "random", "differences")


class PolicyParams(Section):
    """One student.

    Attributes:
        family: a file in src/understudy/models.
        model: arguments of its constructor, but for those that the data determine; the family checks them.
        play: settings that only playing needs; another value trains nothing again.
        best_returns: share of the training episodes, those with the highest returns, that it learns from; None for all of them.
    """

    family: str
    model: dict[str, Any]
    play: dict[str, Any]
    best_returns: Annotated[float, Field(gt=0, le=1)] | None


class PoliciesParams(RootModel[Annotated[dict[str, PolicyParams], Field(min_length=1)]]):
    """All students by their names, in order."""

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="after")
    def _names_and_families_exist(self) -> Self:
        families = family_names()
        for name, block in self.root.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in RESERVED_NAMES:
                raise ValueError(
                    f"policies.{printable(name)}: expected a name of a-z, 0-9 and _"
                    f" other than {', '.join(RESERVED_NAMES)}, got {name!r}"
                )
            if block.family not in families:
                raise ValueError(f"policies.{name}.family: expected one of {', '.join(families)}, got {block.family!r}")
        return self

    @property
    def names(self) -> list[str]:
        """Names of the policies, in order."""
        return list(self.root)

    def items(self) -> Iterator[tuple[str, PolicyParams]]:
        """Names and blocks, in order."""
        yield from self.root.items()

    def named(self, name: str) -> PolicyParams:
        """The block of the policy `name`; ParameterError where there is none."""
        if name not in self.root:
            raise ParameterError(f"--policy: expected one of {', '.join(self.root)}, got {name!r}")
        return self.root[name]
