"""`environment:` in params.yaml."""

import json
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from understudy.params.section import Section


class EnvironmentParams(Section):
    """Which environment.

    Attributes:
        id: a Gymnasium id, module:Name-v0 where importing the module registers it, or one of PettingZoo's parallel environments.
        kwargs: passed to its maker.
        wrappers: around it, the first one innermost: gymnasium's by `name`, or module:Class, with their arguments.
    """

    id: str
    kwargs: dict[str, Any]
    wrappers: list[dict[str, Any]] = Field(default_factory=list)

    @field_validator("kwargs", "wrappers")
    @classmethod
    def _can_be_saved(cls, value: Any, about: ValidationInfo) -> Any:
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"environment.{about.field_name}: expected values that JSON can hold, got {error}"
            ) from None
        return value
