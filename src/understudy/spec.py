"""What an environment offers a policy: named observation components and an action space, as plain data."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

AGREEMENT = 0.1
FLOAT32_MAX = 3e38
MOST_AGENTS = 2**15 - 1  # an agent's number is an int16 in recordings


@dataclass(frozen=True)
class EnvironmentSpec:
    """One environment, as recordings and policies carry it.

    `components` names the entries of an observation vector, float32. Discrete environments set `num_actions`; continuous
    ones set the bounds `action_low` and `action_high`, one value an action dimension. `solved_return` is the raw return
    from which the environment counts as solved, None where its authors name none. `num_agents` act side by side, each with
    observations and actions as described; 1 in Gymnasium's environments. `wrappers` stand around it, as in params.yaml.
    `action_names` names the choices, or the entries of an action vector; () where nobody has named them.
    """

    environment_id: str
    kwargs: dict[str, Any]
    components: tuple[str, ...]
    num_actions: int | None
    action_low: tuple[float, ...] | None
    action_high: tuple[float, ...] | None
    solved_return: float | None
    num_agents: int = 1
    wrappers: tuple[dict[str, Any], ...] = ()
    action_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_types()
        if (self.num_actions is None) == (self.action_low is None):
            raise ValueError(
                f"expected either num_actions or action bounds, got {self.num_actions} and {self.action_low}"
            )
        if not self.discrete_actions:
            self._check_bounds()
        if self.action_names and len(self.action_names) != self.action_dim:
            raise ValueError(f"action_names: expected {self.action_dim} of them, got {len(self.action_names)}")

    def _check_types(self) -> None:
        """Raise a ValueError for what a damaged or foreign file may claim."""
        names = _are_names(self.components) and len(self.components) > 0
        wrappers = isinstance(self.wrappers, tuple) and all(isinstance(each, dict) for each in self.wrappers)
        agents = _is_whole(self.num_agents) and 1 <= self.num_agents <= MOST_AGENTS
        valid = {
            "environment_id": isinstance(self.environment_id, str),
            "kwargs": isinstance(self.kwargs, dict),
            "components": names,
            "num_actions": self.num_actions is None or (_is_whole(self.num_actions) and self.num_actions >= 1),
            "solved_return": self.solved_return is None or isinstance(self.solved_return, float | int),
            "num_agents": agents,
            "wrappers": wrappers,
            "action_names": _are_names(self.action_names),
        }
        for name, holds in valid.items():
            if not holds:
                raise ValueError(f"environment.{name}: expected another kind of value, got {getattr(self, name)!r}")

    def _check_bounds(self) -> None:
        low, high = self.action_low, self.action_high
        if isinstance(low, tuple) and isinstance(high, tuple) and len(low) == len(high):
            numbers = all(isinstance(bound, float | int) and abs(bound) < FLOAT32_MAX for bound in (*low, *high))
            if numbers and all(below < above for below, above in zip(low, high, strict=True)):
                return
        raise ValueError(
            f"expected as many lower as upper action bounds, finite and each below its upper one, got {low} and {high}"
        )

    @property
    def state_dim(self) -> int:
        """Entries of an observation."""
        return len(self.components)

    @property
    def discrete_actions(self) -> bool:
        """Whether an action is one of `num_actions` choices; otherwise it is a vector of floats within bounds."""
        return self.num_actions is not None

    @property
    def action_dim(self) -> int:
        """Number of choices (discrete) or entries of an action vector (continuous)."""
        return len(self.action_bounds[0]) if self.num_actions is None else self.num_actions

    @property
    def action_bounds(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Lowest and highest action vector, (A,) each.

        Raises:
            ValueError: actions are choices.
        """
        if self.action_low is None or self.action_high is None:
            raise ValueError(f"{self.environment_id}: expected action vectors, got choices")
        return self.action_low, self.action_high

    @property
    def described(self) -> str:
        """Its id and what makes it, in a line."""
        wrappers = f" in {', '.join(str(each.get('name')) for each in self.wrappers)}" if self.wrappers else ""
        return f"{self.environment_id} with {self.kwargs}{wrappers}"

    @property
    def action_labels(self) -> tuple[str, ...]:
        """A name for each choice, or for each entry of an action vector."""
        return self.action_names or tuple(f"action_{index}" for index in range(self.action_dim))

    def agree(self, actions: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Whether actions (..., ) or (..., A) are the same: equal choices, or within a tenth of the range in every entry."""
        if self.discrete_actions:
            return actions == others
        low, high = self.action_bounds
        span = np.asarray(high) - np.asarray(low)
        return (np.abs(actions - others) <= AGREEMENT * span).all(axis=-1)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON-ready values, but for those that most environments lack."""
        ordinary = {"num_agents": 1, "wrappers": (), "action_names": ()}
        return {key: value for key, value in asdict(self).items() if key not in ordinary or value != ordinary[key]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "EnvironmentSpec":
        """Rebuild a spec from `to_json`'s output after a round trip through JSON, where tuples became lists."""
        if not isinstance(fields, dict):
            raise ValueError(f"environment: expected an object, got {type(fields).__name__}")
        as_tuples: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        return cls(**as_tuples)


def _are_names(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
