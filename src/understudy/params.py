"""params.yaml as frozen, validated sections.

load_params(path) -> Params; every mistake in the file becomes a ParameterError of one sentence.

YAML is read by ruamel.yaml as YAML 1.2 (PyYAML reads `1e-4` as a string) with its safe loader, and validated by pydantic.
"""

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from understudy.errors import ParameterError
from understudy.validation import describe, printable

MODELS_FOLDER = Path(__file__).parent / "models"
RESERVED_NAMES = ("expert", "random", "differences")
WITHOUT_BLOCK = ("__init__", "expert", "scripted")  # in the folder of models, but no students

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Precision = Literal["auto", "float32", "bfloat16"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """A group of params.yaml: immutable, of exact types, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class EnvironmentParams(Section):
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


class AlgorithmParams(Section):
    num_environments: Count
    learning_rate: Positive
    schedule: Literal["linear", "constant"]
    gamma: Probability


class OnPolicyParams(AlgorithmParams):
    n_steps: Count
    gae_lambda: Probability
    ent_coef: NonNegative
    vf_coef: NonNegative
    max_grad_norm: Positive


class A2CParams(OnPolicyParams):
    pass


class PPOParams(OnPolicyParams):
    batch_size: Annotated[int, Field(ge=2)]
    n_epochs: Count
    clip_range: Positive

    @model_validator(mode="after")
    def _a_rollout_has_steps_to_compare(self) -> "PPOParams":
        if self.n_steps * self.num_environments < 2:
            raise ValueError("expert.ppo.n_steps: expected at least 2 steps a rollout over all environments, got 1")
        return self


class OffPolicyParams(AlgorithmParams):
    buffer_size: Count
    batch_size: Count
    learning_starts: Annotated[int, Field(ge=0)]
    train_freq: Count
    gradient_steps: Count
    tau: Probability


class SACParams(OffPolicyParams):
    pass


class TD3Params(OffPolicyParams):
    action_noise: NonNegative


class ScriptedParams(Section):
    stopping_distance: NonNegative
    tolerance: Positive


class ExpertParams(Section):
    algorithm: Literal["ppo", "a2c", "sac", "td3", "scripted"]
    seed: Seed
    total_steps: Count
    threads: Count
    hidden_sizes: Annotated[list[Count], Field(min_length=1)]
    activation: Literal["relu", "tanh"]
    ppo: PPOParams
    a2c: A2CParams
    sac: SACParams
    td3: TD3Params
    scripted: ScriptedParams

    @property
    def hyperparameters(self) -> AlgorithmParams | ScriptedParams:
        """The block of the chosen algorithm."""
        return getattr(self, self.algorithm)

    @property
    def seeds(self) -> range:
        """Seeds with which its training environments start; a script is not trained."""
        return range(self.seed, self.seed + getattr(self.hyperparameters, "num_environments", 0))


class SeededEpisodes(Section):
    """Episodes on consecutive seeds, played in blocks."""

    episodes: Count
    first_seed: Seed
    block_size: Count

    @property
    def seeds(self) -> range:
        """One seed an episode."""
        return range(self.first_seed, self.first_seed + self.episodes)


class RolloutParams(SeededEpisodes):
    noise: Probability
    minimum_return: Annotated[float, Field(allow_inf_nan=False)] | None


class EvaluationParams(SeededEpisodes):
    episodes: Annotated[int, Field(ge=2)]
    precision: Precision


class SequenceParams(Section):
    seed: Seed
    demonstrations: Count | None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    hide: list[str]


class OptionParams(Section):
    seed: Seed
    count: Annotated[int, Field(ge=2, le=1000)]
    iterations: Count
    restarts: Count
    dwell: Annotated[float, Field(gt=1, allow_inf_nan=False)]
    smoothing: Count
    state_weight: NonNegative


class TrainingParams(Section):
    seed: Seed
    threads: Count
    precision: Precision
    steps: Count
    batch_size: Count
    chunk_length: Annotated[int, Field(ge=2)]
    learning_rate: Positive
    warmup_steps: Annotated[int, Field(ge=0)]
    weight_decay: NonNegative
    max_grad_norm: Positive
    value_weight: NonNegative
    evaluate_every: Count
    patience: Count | None


class PolicyParams(Section):
    """A block under `policies:`; what is not named here goes to the constructor of its family, which checks it."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    family: str
    learns_from: Literal["sequences", "options"]

    def config(self, hidden_components: bool) -> dict[str, Any]:
        """The constructor's arguments; `state_differences: auto` is true where observation components are hidden."""
        arguments = dict(self.model_extra)
        if arguments.get("state_differences") == "auto":
            arguments["state_differences"] = hidden_components
        return arguments


class ComparisonParams(Section):
    seed: Seed
    resamples: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    differences: list[Annotated[list[str], Field(min_length=2, max_length=2)]]


class ComputeParams(Section):
    device: Literal["auto", "cpu", "cuda"]
    workers: Count


class Params(Section):
    """All of params.yaml."""

    environment: EnvironmentParams
    expert: ExpertParams
    rollouts: RolloutParams
    sequences: SequenceParams
    options: OptionParams
    training: TrainingParams
    policies: Annotated[dict[str, PolicyParams], Field(min_length=1)]
    evaluation: EvaluationParams
    comparison: ComparisonParams
    compute: ComputeParams

    @model_validator(mode="after")
    def _seeds_are_disjoint(self) -> "Params":
        users = {
            "expert.seed": self.expert.seeds,
            "rollouts.first_seed": self.rollouts.seeds,
            "evaluation.first_seed": self.evaluation.seeds,
        }
        for (first, one), (second, other) in itertools.combinations(users.items(), 2):
            shared = range(max(one.start, other.start), min(one.stop, other.stop))
            if shared:
                count = shared.stop - shared.start  # len() counts no further than a machine word
                raise ValueError(
                    f"{second}: expected seeds that {first} does not use, got {count} shared, the first {shared.start}"
                )
        return self

    @model_validator(mode="after")
    def _policies_can_be_built(self) -> "Params":
        families = sorted(path.stem for path in MODELS_FOLDER.glob("*.py") if path.stem not in WITHOUT_BLOCK)
        for name, block in self.policies.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in RESERVED_NAMES:
                raise ValueError(
                    f"policies.{printable(name)}: expected a name of a-z, 0-9 and _"
                    f" other than {', '.join(RESERVED_NAMES)}, got {name!r}"
                )
            if block.family not in families:
                raise ValueError(f"policies.{name}.family: expected one of {', '.join(families)}, got {block.family!r}")
        return self

    @model_validator(mode="after")
    def _differences_are_of_policies(self) -> "Params":
        for name in itertools.chain(*self.comparison.differences):
            if name not in self.policies:
                known = ", ".join(self.policies)
                raise ValueError(f"comparison.differences: expected pairs of the policies {known}, got {name!r}")
        return self

    def policy(self, name: str) -> PolicyParams:
        """The block of the policy `name`; ParameterError where there is none."""
        if name not in self.policies:
            raise ParameterError(f"--policy: expected one of {', '.join(self.policies)}, got {name!r}")
        return self.policies[name]


def load_params(path: Path) -> Params:
    """Read and validate a params.yaml.

    Raises:
        ParameterError: the file is missing, not YAML 1.2, or holds a key or value that is not expected; the message names
            the file and the key.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{path}: expected a file with parameters, found none in {Path.cwd()}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: expected readable UTF-8 text, got: {error}") from None
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        raise ParameterError(f"{path}: expected YAML, got {_yaml_problem(error)}") from None
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path}: expected sections such as `environment:`, got {type(content).__name__}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise ParameterError(f"{path}: {describe(error, Params, open_section=PolicyParams)}") from None


def _yaml_problem(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{' '.join(str(error.problem).split())} in line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())
