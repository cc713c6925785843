"""`environment:` in params.yaml."""

import json
from typing import Any

from pydantic import field_validator

from understudy.params.section import Section


class EnvironmentParams(Section):
    """Which environment.

    Attributes:
        id: a Gymnasium id, or that of one of PettingZoo's parallel environments.
        kwargs: passed to its maker.
    """

    id: str
    kwargs: dict[str, Any]

    @field_validator("kwargs")
    @classmethod
    def _kwargs_can_be_saved(cls, kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(kwargs, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"environment.kwargs: expected values that JSON can hold, got {error}") from None
        return kwargs
