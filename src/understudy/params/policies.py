"""`policies:` in params.yaml: a block a student."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from understudy.errors import ParameterError
from understudy.models.registry import family_names
from understudy.params.section import Section
from understudy.validation import printable

NAME = "[a-z][a-z0-9_]*"
RESERVED_NAMES = ("expert", "random", "differences")
OF_DATA = ("starts_from", "starts_as", "demonstrations")


class PolicyParams(Section):
    """One student.

    Attributes:
        family: a file in src/understudy/models.
        model: arguments of its constructor, but for those that the data determine; the family checks them.
        play: settings that only playing needs; another value trains nothing again. Its key `variants` names further ways to play
            that an evaluation records beside the plain one, each by the settings in which it differs.
        best_returns: share of the training episodes, those with the highest returns, that it learns from; None for all of them.
        training: keys of the section `training` that have another value for this policy; its seeds, threads and precision are
            those of all.
        starts_from: folder of a trained policy, from whose weights it starts instead of random ones: with training seed S from
            FOLDER/seed_S. None for random ones.
        starts_as: the environment of that policy whose task it takes for its own, where its own is another one with the same
            observations and actions: an id, or where several have it the id and arguments, as in "Toy-v0 with {'wind': True}".
        demonstrations: how many of the training episodes it learns from, drawn by the training seed; None for all, 0 for a
            policy that stays what it starts from.
    """

    family: str
    model: dict[str, Any]
    play: dict[str, Any]
    best_returns: Annotated[float, Field(gt=0, le=1)] | None
    training: dict[str, Any]
    starts_from: Annotated[str, Field(min_length=1)] | None = Field(None, exclude_if=lambda value: value is None)
    starts_as: str | None = Field(None, exclude_if=lambda value: value is None)
    demonstrations: Annotated[int, Field(ge=0)] | None = Field(None, exclude_if=lambda value: value is None)

    @model_validator(mode="after")
    def _a_start_is_one_of_a_policy(self) -> Self:
        if self.starts_from is None and self.starts_as is not None:
            raise ValueError(f"starts_as: expected none without starts_from, got {self.starts_as!r}")
        if self.starts_from is None and self.demonstrations == 0:
            raise ValueError("demonstrations: expected at least 1 without starts_from, got 0")
        return self

    @model_validator(mode="after")
    def _variants_are_settings_by_name(self) -> Self:
        variants = self.play.get("variants", {})
        if not isinstance(variants, dict) or not all(isinstance(settings, dict) for settings in variants.values()):
            raise ValueError(f"play.variants: expected settings by name, got {variants!r}")
        for name in variants:
            if not isinstance(name, str) or not re.fullmatch(NAME, name):
                raise ValueError(f"play.variants: expected names of a-z, 0-9 and _, got {name!r}")
        return self

    @property
    def of_data(self) -> dict[str, Any]:
        """Of starts_from, starts_as and demonstrations those that it has: train_policy depends on them as on its data."""
        return self.model_dump(include=set(OF_DATA))

    def check_plain(self, where: str) -> None:
        """Raise a ParameterError where it has any of them, as what would take no notice of them does."""
        for name, value in self.of_data.items():
            raise ParameterError(f"{where}.{name}: expected none, since train_policy alone follows it, got {value!r}")

    @property
    def plain_play(self) -> dict[str, Any]:
        """The settings of the plain way to play."""
        return {name: value for name, value in self.play.items() if name != "variants"}

    @property
    def play_variants(self) -> dict[str, dict[str, Any]]:
        """The settings of each further way, by its name."""
        return {name: self.plain_play | how for name, how in self.play.get("variants", {}).items()}


class PoliciesParams(RootModel[Annotated[dict[str, PolicyParams], Field(min_length=1)]]):
    """All students by their names, in order."""

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="after")
    def _names_and_families_exist(self) -> Self:
        families = family_names()
        for name, block in self.root.items():
            if not re.fullmatch(NAME, name) or name in RESERVED_NAMES:
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

    @property
    def ways(self) -> list[str]:
        """All that an evaluation compares: each policy, and after it as NAME/WAY its further ways to play."""
        return [
            way for name, block in self.items() for way in (name, *(f"{name}/{one}" for one in block.play_variants))
        ]

    @property
    def of_data(self) -> dict[str, dict[str, Any]]:
        """What each block has of OF_DATA, by name, of those that have any."""
        return {name: block.of_data for name, block in self.items() if block.of_data}

    def items(self) -> Iterator[tuple[str, PolicyParams]]:
        """Names and blocks, in order."""
        yield from self.root.items()

    def named(self, name: str) -> PolicyParams:
        """The block of the policy `name`; ParameterError where there is none."""
        if name not in self.root:
            raise ParameterError(f"--policy: expected one of {', '.join(self.root)}, got {name!r}")
        return self.root[name]
