"""Trained policies: saving, loading, acting.

build_model(family, config, spec, ...) -- a family's module from a block of params.yaml
Policy                                 -- a model with what it needs to act on raw observations; stable-baselines3's `predict`
save_policy(policy, folder), load_policy(folder)

On disk a policy is model.safetensors, the weights, and policy.json, everything else. Nothing is pickled.
"""

import inspect
import itertools
import numbers
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from pydantic import ConfigDict, ValidationError, create_model
from safetensors import SafetensorError
from torch import Tensor, nn

from understudy.environments.view import ObservationView
from understudy.errors import DataError, ParameterError
from understudy.models.registry import load_family
from understudy.nn.cache import PlayState
from understudy.sequences.normalise import Normalisation
from understudy.spec import EnvironmentSpec
from understudy.utils.jsonfile import read_versioned_json, sha256, write_json
from understudy.validation import describe

FORMAT_VERSION = 2  # 1: action vectors were in the environment's units inside models too
FARTHEST = 1e8
GIVEN = ("self", "state_dim", "action_dim", "discrete_actions", "difference_scale", "action_bounds")


def build_model(
    family: str, config: dict[str, Any], spec: EnvironmentSpec, normalisation: Normalisation, where: str
) -> nn.Module:
    """Construct the family's model; `config` holds its constructor's arguments but for those that the data determine.

    Raises:
        ParameterError: the family does not exist, or an argument is missing, unknown, of the wrong type or refused, or there
            are more agents than there is room for; the message begins with `where`.
    """
    try:
        constructor = load_family(family)
    except ValueError as error:
        raise ParameterError(f"{where}.{error}") from None
    parameters = inspect.signature(constructor.__init__).parameters
    arguments = {
        name: (parameter.annotation, ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in parameters.items()
        if name not in GIVEN
    }
    given = {
        "state_dim": len(normalisation.state_mean),
        "action_dim": spec.action_dim,
        "discrete_actions": spec.discrete_actions,
        "difference_scale": normalisation.difference_std,
        "action_bounds": None if spec.discrete_actions else (spec.action_low, spec.action_high),
    }
    checked = create_model(family, __config__=ConfigDict(extra="forbid", strict=True), **arguments)
    try:
        checked.model_validate(config)
        room = config.get("max_num_agents", spec.num_agents)
        if room < spec.num_agents:
            raise ValueError(f"max_num_agents: expected at least the {spec.num_agents} agents there are, got {room}")
        return constructor(**config, **{name: value for name, value in given.items() if name in parameters})
    except ValidationError as error:
        raise ParameterError(f"{where}.{describe(error, checked, checked)}") from None
    except (ValueError, RuntimeError, ArithmeticError, MemoryError) as error:
        raise ParameterError(f"{where}.{' '.join(str(error).split())}") from None


@dataclass
class Memory:
    """What a policy remembers between two calls of `predict`; made by the policy, handed back by the caller."""

    policy: "Policy"
    play: PlayState
    device: torch.device


@dataclass
class Policy:
    """A model, and what turns raw observations into what it takes.

    `family` and `config` rebuild the model. `provenance` holds SHA-256 hashes of what the policy was trained on. `generator`
    draws the actions that are not deterministic.
    """

    model: nn.Module
    family: str
    config: dict[str, Any]
    spec: EnvironmentSpec
    view: ObservationView
    normalisation: Normalisation
    provenance: dict[str, str] = field(default_factory=dict)
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    @property
    def device(self) -> torch.device:
        """Where the model is and its memories are made; observations and actions are on the CPU."""
        return next(itertools.chain(self.model.parameters(), self.model.buffers())).device

    def new_memory(self, num_rows: int) -> Memory:
        """Memory of `num_rows` rows, environments x agents, at the start of their episodes."""
        of_agents = (self.spec.num_agents,) if hasattr(self.model, "max_num_agents") else ()
        device = self.device
        with device:
            return Memory(self, self.model.new_state(num_rows, *of_agents), device)

    @torch.inference_mode()
    def act(self, memory: Memory, observations: np.ndarray, deterministic: bool = True) -> np.ndarray:
        """Actions (B,) int64 or (B, A) float32, within bounds, for raw observations (B, S) float32; updates the memory.

        Deterministic actions are the likeliest ones; otherwise they are drawn from what the model predicts. A row is an agent
        of an environment; in a family of several agents each one sees what those before it have chosen.

        Raises:
            DataError: an observation is not finite or too large.
        """
        with np.errstate(over="ignore"):
            visible = self.normalisation.apply(self.view.apply(observations))
        if not np.abs(visible).max(initial=0) <= FARTHEST:  # beyond, float32 overflows in the model and its memory
            raise DataError(
                f"observation: expected values of at most {FARTHEST:g} once normalised, got {np.abs(visible).max():g}"
            )
        actions = self._decide(
            memory, torch.from_numpy(visible).to(memory.device), None if deterministic else self.generator
        )
        self.model.acted(memory.play, actions.to(memory.device))
        return actions.numpy().copy()

    def predict(
        self,
        observation: np.ndarray,
        state: Memory | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Memory]:
        """Act as stable-baselines3's policies do.

        Args:
            observation: raw, (S,) for one environment or (B, S) for B; (N, S) or (B, N, S) where N > 1 agents act.
            state: what the last call returned, None to begin; it is updated in place.
            episode_start: (B,) bool, rows that begin a new episode and forget the past.
            deterministic: the likeliest action rather than a drawn one.

        Returns:
            The action, () or (A,) for one environment and (B,) or (B, A) for B, each agent's where there are several, and the
            state for the next call.

        Raises:
            ValueError: an observation of another shape or not finite, or another number of rows than in the state.
        """
        observations = _real_numbers("observation", observation, "biuf").astype(np.float32)
        agents = self.spec.num_agents
        shape = (self.spec.state_dim,) if agents == 1 else (agents, self.spec.state_dim)
        single = observations.shape == shape
        if not single and (observations.ndim != 1 + len(shape) or observations.shape[1:] != shape):
            rows = ", ".join(map(str, ("rows", *shape)))
            raise ValueError(f"observation: expected shape {shape} or ({rows}), got {np.shape(observation)}")
        rows = 1 if single else len(observations)
        observations = observations.reshape(rows * agents, self.spec.state_dim)
        if not np.isfinite(observations).all():
            raise ValueError(f"observation: expected finite values, got {observations[~np.isfinite(observations)][0]}")
        memory = self.new_memory(len(observations)) if state is None else state
        if not isinstance(memory, Memory):
            raise ValueError(f"state: expected what the last call returned, got {type(state).__name__}")
        if memory.policy is not self:
            raise ValueError("state: expected what this policy's last call returned, got another policy's")
        if memory.play.num_rows != len(observations):
            raise ValueError(f"observation: expected {memory.play.num_rows // agents} rows as before, got {rows}")
        if episode_start is not None:
            starts = np.atleast_1d(_real_numbers("episode_start", episode_start, "b"))
            if starts.shape != (rows,):
                raise ValueError(f"episode_start: expected shape ({rows},), got {starts.shape}")
            memory.play.reset(torch.from_numpy(np.flatnonzero(starts.repeat(agents))).to(memory.device))
        actions = self.act(memory, observations, deterministic)
        actions = actions if agents == 1 else actions.reshape(rows, agents, *actions.shape[1:])
        return (actions[0] if single else actions), memory

    def _decide(self, memory: Memory, states: Tensor, generator: torch.Generator | None) -> Tensor:
        """Actions (B,) or (B, A) on the CPU."""
        chosen = []

        def choose(preds: Tensor, log_std: Tensor | None) -> Tensor:
            chosen.append(self._choose(preds.cpu(), None if log_std is None else log_std.cpu(), generator))
            return chosen[-1]

        if not hasattr(self.model, "max_num_agents"):
            return choose(*self.model.step(memory.play, states))
        self.model.step(memory.play, states, choose)
        return torch.stack(chosen, dim=1).flatten(0, 1)

    def _choose(self, preds: Tensor, log_std: Tensor | None, generator: torch.Generator | None) -> Tensor:
        if self.spec.discrete_actions:
            if generator is None:
                return preds.argmax(-1)
            return torch.multinomial(preds.softmax(-1), 1, generator=generator)[:, 0]
        if generator is not None:
            preds = preds + log_std.exp() * torch.randn(preds.shape, generator=generator)
        return preds.clamp(torch.tensor(self.spec.action_low), torch.tensor(self.spec.action_high))


def _real_numbers(name: str, values: Any, kinds: str) -> np.ndarray:
    """`values` as an array whose dtype is of one of `kinds` (b, i, u, f); ValueError for anything else."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and all(isinstance(value, numbers.Real) for value in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        array = None
    if array is None or array.dtype.kind not in kinds:
        expected = "booleans" if kinds == "b" else "real numbers"
        got = type(values).__name__ if array is None else f"{array.dtype}"
        raise ValueError(f"{name}: expected an array of {expected}, got {got}")
    return array


def policy_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each of a policy's files."""
    return {name: sha256(folder / name) for name in ("policy.json", "model.safetensors")}


def save_policy(policy: Policy, folder: Path) -> None:
    """Write model.safetensors and policy.json to an existing folder."""
    tensors = {name: tensor.contiguous() for name, tensor in policy.model.state_dict().items()}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(tensors))
    content = {
        "format_version": FORMAT_VERSION,
        "family": policy.family,
        "config": policy.config,
        "environment": policy.spec.to_json(),
        "hidden_components": list(policy.view.hidden),
        "normalisation": asdict(policy.normalisation),
        "provenance": policy.provenance,
    }
    write_json(folder / "policy.json", content)


def load_policy(folder: str | Path) -> Policy:
    """Load what `save_policy` wrote, ready to act.

    Raises:
        DataError: a file is missing, malformed, of another version, or the weights do not fit the model described.
    """
    description = Path(folder) / "policy.json"
    content = read_versioned_json(description, FORMAT_VERSION)
    try:
        spec = EnvironmentSpec.from_json(content["environment"])
        view = ObservationView(spec.components, tuple(content["hidden_components"]))
        normalisation = Normalisation.from_json(content["normalisation"], len(view.visible))
        family, config, provenance = content["family"], dict(content["config"]), dict(content["provenance"])
        model = build_model(family, config, spec, normalisation, "config")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{description}: expected a policy's description, got a malformed one: {error!r}") from None
    _load_weights(model, Path(folder) / "model.safetensors")
    return Policy(model.eval(), family, config, spec, view, normalisation, provenance)


def _load_weights(model: nn.Module, path: Path) -> None:
    try:
        tensors = safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise DataError(f"{path}: expected the policy's weights, found no such file") from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: expected a safetensors file, got one that cannot be read: {error}") from None
    expected = model.state_dict()
    if tensors.keys() != expected.keys():
        unlike = sorted(tensors.keys() ^ expected.keys())[0]
        raise DataError(f"{path}: expected the tensors that policy.json describes, got a difference at {unlike!r}")
    for name, tensor in expected.items():
        if tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
            raise DataError(
                f"{path}: {name}: expected {tensor.dtype} of shape {tuple(tensor.shape)},"
                f" got {tensors[name].dtype} of {tuple(tensors[name].shape)}"
            )
        if not torch.isfinite(tensors[name]).all():
            raise DataError(f"{path}: {name}: expected finite weights, got NaN or infinity")
    model.load_state_dict(tensors)
