"""What a student may see of an observation."""

from dataclasses import dataclass

import numpy as np

from understudy.errors import ParameterError


@dataclass(frozen=True)
class ObservationView:
    """The observation components that a policy gets, in their original order; the demonstrator always sees all.

    `components` are all names the environment offers, `hidden` those withheld.
    """

    components: tuple[str, ...]
    hidden: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in self.hidden:
            if name not in self.components:
                raise ParameterError(
                    f"sequences.hide: expected components among {', '.join(self.components)}, got {name!r}"
                )
        if set(self.hidden) == set(self.components):
            raise ParameterError("sequences.hide: expected at least one component to stay visible, got all of them")

    @property
    def visible(self) -> tuple[str, ...]:
        """Names of the components that stay."""
        return tuple(name for name in self.components if name not in self.hidden)

    def apply(self, observations: np.ndarray) -> np.ndarray:
        """Take the visible entries: (..., S) -> (..., number of visible components)."""
        if not self.hidden:
            return observations
        return observations[..., [self.components.index(name) for name in self.visible]]
