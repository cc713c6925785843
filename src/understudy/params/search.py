"""search.yaml: one block a search, named as the policy of params.yaml that it is of.

load_search(path, policy) -> SearchParams

It is a file of its own, so that no stage of the pipeline but the search itself depends on it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from understudy.errors import ParameterError
from understudy.params.load import read_yaml
from understudy.params.section import Count, Section, Seed, SeededEpisodes
from understudy.validation import describe

Number = int | Annotated[float, Field(allow_inf_nan=False)]
Value = bool | Number | str | None
NOTES = "docs/howto/search.md shows one"


class ParameterRange(Section):
    """What a parameter may be: a range of numbers, whole ones where both ends are, or choices.

    Attributes:
        low: the least value.
        high: the greatest.
        log: whether small values are tried as finely as large ones.
        step: distance between neighbouring values; None for 1 between whole numbers and any value between others.
        choices: values without an order, in place of a range.
    """

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    step: Annotated[Number, Field(gt=0)] | None = None
    choices: list[Value] | None = None

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int) and not isinstance(self.step, float)

    def problem(self) -> str | None:
        """What is wrong with it, as "expected ..., got ..."; None where nothing is."""
        if self.choices is not None:
            if (self.low, self.high, self.step, self.log) != (None, None, None, False):
                return "expected either choices or low and high, got both"
            if len({repr(value) for value in self.choices}) != len(self.choices) or len(self.choices) < 2:
                return f"expected at least two choices, all different, got {self.choices}"
            return None
        if self.low is None or self.high is None:
            return "expected low and high, or choices, got " + ("neither" if self.low == self.high else "one end alone")
        if self.low >= self.high:
            return f"expected low below high, got {self.low} and {self.high}"
        if self.log and self.low <= 0:
            return f"expected low above 0 where log is true, got {self.low}"
        if self.log and self.step is not None:
            return f"expected no step where log is true, got {self.step}"
        return None

    def holds(self, value: Value) -> bool:
        """Whether a value is one of those that may be tried."""
        if self.choices is not None:
            return any(
                value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in self.choices
            )
        assert self.low is not None and self.high is not None
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return self.low <= value <= self.high and abs(steps - round(steps)) < 1e-8


class PruningParams(Section):
    """When a trial is given up: where its best validation loss so far is worse than what others had at the same step.

    Attributes:
        percentile: of the finished trials' validation losses at that step, in percent; 50 is the median.
        startup_trials: finished trials before any is given up.
        warmup_steps: optimizer steps of a trial before it may be given up.
    """

    percentile: Annotated[float, Field(gt=0, le=100)]
    startup_trials: Count
    warmup_steps: Annotated[int, Field(ge=0)]


class SearchParams(Section):
    """One search.

    Attributes:
        seed: of the sampler.
        sampler: tpe, the tree-structured Parzen estimator, or gp, a Gaussian process.
        trials: how many in all; the first is the setting of params.yaml, and more of them go on with those that are there.
        startup_trials: trials before the sampler learns from them; the others of these are random.
        training_seeds: some of training.seeds; a trial's value is the mean over them.
        objective: the mean return of episodes on development seeds, or the loss on held-out episodes.
        development: those episodes; None where the objective does not need them.
        pruning: when a trial is given up; None for never.
        space: what is searched, by the key in the policy's block, such as model.context or training.learning_rate. With
            --pipeline keys of earlier stages too, such as sequences.demonstrations.
    """

    seed: Seed
    sampler: Literal["tpe", "gp"]
    trials: Count
    startup_trials: Count
    training_seeds: Annotated[list[Seed], Field(min_length=1)]
    objective: Literal["return", "validation_loss"]
    development: SeededEpisodes | None
    pruning: PruningParams | None
    space: Annotated[dict[str, ParameterRange], Field(min_length=1)]

    @model_validator(mode="after")
    def _ranges_hold_values(self) -> Self:
        for name, parameter in self.space.items():
            if (problem := parameter.problem()) is not None:
                raise ValueError(f"space.{name}: {problem}")
        return self

    @model_validator(mode="after")
    def _returns_need_episodes(self) -> Self:
        if self.objective == "return" and self.development is None:
            raise ValueError("development: expected episodes, whose return is the objective, got none")
        return self


def load_search(path: Path, policy: str) -> SearchParams:
    """Read and validate a policy's block of a search.yaml; the others are not looked at.

    Raises:
        ParameterError: the file or the block is missing, or the block holds a key or value that is not expected.
    """
    if not path.exists():
        raise ParameterError(f"{path}: expected a file with a block {policy}:, found none; {NOTES}")
    content = read_yaml(path)
    block = content.get(policy)
    if not isinstance(block, Mapping):
        raise ParameterError(f"{path}: expected a block {policy}:, got {', '.join(map(str, content))}; {NOTES}")
    try:
        return SearchParams.model_validate(block)
    except ValidationError as error:
        raise ParameterError(f"{path}: {policy}.{describe(error, SearchParams)}") from None
