"""What a model is told of what it acts in, the same object in store.json and in policy.json.

Task      -- one environment, what of it is visible, and its scales: the one place where numbers change their units
Interface -- the tasks of a model, one or several

S visible state components, A entries of an action vector, K orders of differences.

Where a model has several tasks, rows of all of them have one width: states (..., S) are padded with zeros to the most components
that a task has, and actions are float32 vectors (..., E) of the most entries that a task's have, of which a choice is one.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from understudy.errors import ParameterError
from understudy.scales import Scales
from understudy.spec import EnvironmentSpec


@dataclass(frozen=True)
class Task:
    """One environment as a model meets it.

    Attributes:
        environment: what it offers.
        hidden_components: names of the observation components that the model does not see; the demonstrator sees all.
        scales: of the visible components, in their order.
        num_options: how many options the demonstrations are labelled with; None where they are not.
        return_quantiles: raw returns of the training episodes, least to most, at as many evenly spaced shares of them; () where
            nothing is known of them.

    Raises:
        ParameterError: a hidden component does not exist, or all of them are hidden.
        ValueError: the scales are of another number of components or action entries, or the quantiles do not ascend.
    """

    environment: EnvironmentSpec
    hidden_components: tuple[str, ...]
    scales: Scales
    num_options: int | None = None
    return_quantiles: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        quantiles = np.asarray(self.return_quantiles, np.float64)
        if not np.isfinite(quantiles).all() or (np.diff(quantiles) < 0).any():
            raise ValueError(f"return_quantiles: expected finite numbers that ascend, got {self.return_quantiles}")
        check_hidden(self.environment.components, self.hidden_components)
        if len(self.scales.state_mean) != self.state_dim:
            raise ValueError(f"scales.state_mean: expected {self.state_dim} numbers, got {len(self.scales.state_mean)}")
        entries = 0 if self.discrete_actions else self.action_dim
        if len(self.scales.action_middle) != entries:
            raise ValueError(f"scales.action_middle: expected {entries} numbers, got {len(self.scales.action_middle)}")

    @property
    def visible_components(self) -> tuple[str, ...]:
        """Names of the components that the model sees."""
        return tuple(name for name in self.environment.components if name not in self.hidden_components)

    @property
    def state_dim(self) -> int:
        """S, the number of visible components."""
        return len(self.visible_components)

    @property
    def action_dim(self) -> int:
        """Number of choices, or A, the entries of an action vector."""
        return self.environment.action_dim

    @property
    def discrete_actions(self) -> bool:
        """Whether an action is a choice rather than a vector."""
        return self.environment.discrete_actions

    @property
    def num_entries(self) -> int:
        """Numbers that say an action: 1 of a choice, A of a vector."""
        return 1 if self.discrete_actions else self.action_dim

    @property
    def num_agents(self) -> int:
        """How many agents act side by side."""
        return self.environment.num_agents

    def select_visible(self, observations: np.ndarray) -> np.ndarray:
        """The visible entries (..., S) of raw observations (..., all components)."""
        if not self.hidden_components:
            return observations
        return observations[..., [self.environment.components.index(name) for name in self.visible_components]]

    def normalize_states(self, states: np.ndarray) -> np.ndarray:
        """Normalised states, float32, of raw visible ones (..., S)."""
        mean, std = np.asarray(self.scales.state_mean, np.float32), np.asarray(self.scales.state_std, np.float32)
        return (np.asarray(states, np.float32) - mean) / std

    def unnormalize_states(self, states: np.ndarray) -> np.ndarray:
        """Raw visible states, float32, of normalised ones (..., S)."""
        mean, std = np.asarray(self.scales.state_mean, np.float32), np.asarray(self.scales.state_std, np.float32)
        return mean + std * np.asarray(states, np.float32)

    def normalize_actions(self, actions: np.ndarray) -> np.ndarray:
        """What a model takes of raw actions: choices (...) as int64, vectors (..., A) as float32 between -1 and 1."""
        if self.discrete_actions:
            return np.asarray(actions, np.int64)
        return (np.asarray(actions, np.float32) - self._middle) / self._half_range

    def unnormalize_actions(self, actions: np.ndarray) -> np.ndarray:
        """Raw actions of a model's: choices as they are, vectors (..., A) float32 within the environment's bounds."""
        if self.discrete_actions:
            return actions
        low, high = (np.asarray(bounds, np.float32) for bounds in self.environment.action_bounds)
        return np.clip(self._middle + self._half_range * actions, low, high)

    def normalize_returns(self, returns: np.ndarray) -> np.ndarray:
        """Normalised returns-to-go, float32, of raw ones."""
        raw = np.asarray(returns, np.float32)
        return (raw - np.float32(self.scales.return_mean)) / np.float32(self.scales.return_std)

    @property
    def _middle(self) -> np.ndarray:
        return np.asarray(self.scales.action_middle, np.float32)

    @property
    def _half_range(self) -> np.ndarray:
        return np.asarray(self.scales.action_half_range, np.float32)


@dataclass(frozen=True)
class Interface:
    """The tasks that a model is made for, in an order that its task ids follow.

    Raises:
        ValueError: there is no task.
    """

    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError("interface: expected at least one task, got none")

    @property
    def task(self) -> Task:
        """The only task.

        Raises:
            ValueError: there are several.
        """
        if len(self.tasks) > 1:
            names = ", ".join(task.environment.environment_id for task in self.tasks)
            raise ValueError(f"interface: expected one task, got {len(self.tasks)}: {names}")
        return self.tasks[0]

    def number_of(self, environment: EnvironmentSpec) -> int:
        """Which of the tasks, from 0, is acting in this environment.

        Raises:
            ValueError: none is.
        """
        for number, task in enumerate(self.tasks):
            if task.environment == environment:
                return number
        known = ", ".join(task.environment.described for task in self.tasks)
        raise ValueError(
            f"environment: expected one of the {len(self.tasks)} tasks {known}, got {environment.described}"
        )

    def pad_states(self, states: np.ndarray) -> np.ndarray:
        """States (..., S) of one of the tasks as wide as those of all."""
        return _widened(states, max(task.state_dim for task in self.tasks))

    def pad_actions(self, number: int, actions: np.ndarray) -> np.ndarray:
        """Normalised actions of a task as those of all are: as they are where it is the only one, else (..., E) float32."""
        if len(self.tasks) == 1:
            return actions
        entries = actions[..., None] if self.tasks[number].discrete_actions else actions
        return _widened(entries.astype(np.float32), max(task.num_entries for task in self.tasks))

    def unpad_actions(self, number: int, actions: np.ndarray) -> np.ndarray:
        """What `pad_actions` was given."""
        task = self.tasks[number]
        if len(self.tasks) == 1:
            return actions
        return actions[..., 0].astype(np.int64) if task.discrete_actions else actions[..., : task.num_entries]

    def model_arguments(self) -> dict[str, Any]:
        """What data and environment determine of a constructor, by the names under which a family may ask for it.

        Of several tasks `tasks` alone.
        """
        if len(self.tasks) > 1:
            return {"tasks": self.tasks}
        task = self.task
        return {
            "tasks": self.tasks,
            "state_dim": task.state_dim,
            "component_names": task.visible_components,
            "action_dim": task.action_dim,
            "discrete_actions": task.discrete_actions,
            "num_agents": task.num_agents,
            "num_options": task.num_options,
            "difference_scale": task.scales.difference_std,
            "return_scale": (task.scales.return_mean, task.scales.return_std),
            "return_quantiles": task.return_quantiles,
        }

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "tasks": [
                {
                    "environment": task.environment.to_json(),
                    "hidden_components": list(task.hidden_components),
                    "scales": asdict(task.scales),
                    "num_options": task.num_options,
                    "return_quantiles": list(task.return_quantiles),
                }
                for task in self.tasks
            ]
        }

    @classmethod
    def from_json(cls, content: Any) -> "Interface":
        """Rebuild from `to_json`'s output after a round trip through JSON; ValueError where it is malformed."""
        try:
            return cls(tuple(_task_from_json(task) for task in content["tasks"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"interface: expected tasks, got something else: {error!r}") from None


def check_hidden(components: tuple[str, ...], hidden: tuple[str, ...]) -> None:
    """Raise a ParameterError where `hidden` are not some, but not all, of the components."""
    for name in hidden:
        if name not in components:
            raise ParameterError(f"sequences.hide: expected components among {', '.join(components)}, got {name!r}")
    if set(hidden) == set(components):
        raise ParameterError("sequences.hide: expected at least one component to stay visible, got all of them")


def action_scales(environment: EnvironmentSpec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Middle and half range of each action entry, raw; empty for choices."""
    if environment.discrete_actions:
        return (), ()
    low, high = (np.asarray(bounds, np.float64) for bounds in environment.action_bounds)
    return tuple(((low + high) / 2).tolist()), tuple(((high - low) / 2).tolist())


def raw_interface(environment: EnvironmentSpec, hidden_components: tuple[str, ...] = ()) -> Interface:
    """The interface of one that sees all but the hidden components and acts, all in the environment's units."""
    visible = set(environment.components) - set(hidden_components)
    entries = 0 if environment.discrete_actions else environment.action_dim
    return Interface((Task(environment, hidden_components, Scales.identity(len(visible), entries)),))


def squashed_interface(spec: EnvironmentSpec) -> Interface:
    """Raw observations, and actions that tanh has put between -1 and 1."""
    middle, half_range = action_scales(spec)
    scales = replace(
        Scales.identity(spec.state_dim, spec.action_dim), action_middle=middle, action_half_range=half_range
    )
    return Interface((Task(spec, (), scales),))


def _task_from_json(content: dict[str, Any]) -> Task:
    scales: dict[str, Any] = {name: _as_tuples(value) for name, value in content["scales"].items()}
    options = content["num_options"]
    if options is not None and (isinstance(options, bool) or not isinstance(options, int) or options < 1):
        raise ValueError(f"num_options: expected a whole number from 1, got {options!r}")
    environment = EnvironmentSpec.from_json(content["environment"])
    quantiles = tuple(content["return_quantiles"])
    return Task(environment, tuple(content["hidden_components"]), Scales(**scales), options, quantiles)


def _widened(values: np.ndarray, width: int) -> np.ndarray:
    """Values (..., n) with zeros after them, (..., width)."""
    missing = width - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)]) if missing else values


def _as_tuples(value: Any) -> Any:
    """JSON's lists, also those in lists, as tuples."""
    return tuple(_as_tuples(entry) for entry in value) if isinstance(value, list) else value
