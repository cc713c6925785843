"""`training:` in params.yaml, and what of it is another for a single policy."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from understudy.errors import ParameterError
from understudy.params.section import Count, NonNegative, Positive, Precision, Probability, Section, Seed
from understudy.validation import describe

OF_ALL = ("seeds", "threads", "precision")


class PrioritizedParams(Section):
    """How chunks are drawn by how wrong the model was about them (Schaul et al., 2016).

    Attributes:
        exponent: of a chunk's error in its chance: 0 draws all alike, 1 in proportion to the errors.
        correction: exponent of the weights that undo the bias of the draws, at the first step; it grows to 1 at the last.
        smallest_error: added to every error, in the loss's units, so that no chunk is never drawn again.
    """

    exponent: Probability
    correction: Probability
    smallest_error: Positive


class TrainingParams(Section):
    """How students learn.

    Attributes:
        seeds: of weights, order of the data and action dropout; each trains and evaluates every policy once more.
        threads: torch threads.
        precision: number format of the matrix products.
        steps: optimizer steps at most.
        batch_size: chunks of episodes a batch.
        chunk_length: environment steps a chunk.
        learning_rate: after the warm-up.
        warmup_steps: optimizer steps of linear warm-up, then cosine to zero at `steps`.
        weight_decay: of the matrices.
        max_grad_norm: to which a gradient is clipped.
        evaluate_every: optimizer steps between two validations.
        patience: stop after so many validations without a better loss and select the best weights; None: the last ones.
        replay: every chunk once an epoch, or those more often that the model was wrong about.
        prioritized: how, where replay is prioritized.
    """

    seeds: Annotated[list[Seed], Field(min_length=1)]
    threads: Count
    precision: Precision
    steps: Count
    batch_size: Count
    chunk_length: Annotated[int, Field(ge=2)]
    learning_rate: Positive
    warmup_steps: Annotated[int, Field(ge=0)]
    weight_decay: NonNegative
    max_grad_norm: Positive
    evaluate_every: Count
    patience: Count | None
    replay: Literal["uniform", "prioritized"] = "uniform"
    prioritized: PrioritizedParams | None = None

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"training.seeds: expected different seeds, got {seeds}")
        return seeds

    @model_validator(mode="after")
    def _priorities_have_their_numbers(self) -> Self:
        if self.replay == "prioritized" and self.prioritized is None:
            raise ValueError("training.prioritized: expected its block, since training.replay is prioritized, got none")
        return self

    def of_policy(self, own: Mapping[str, Any], where: str) -> "TrainingParams":
        """The same with a policy's own values.

        Args:
            own: by key; seeds, threads and precision are those of all policies.
            where: what messages begin with, such as "policies.decoder.training".

        Raises:
            ParameterError: there is no such key, a policy may not have its own, or it has another type.
        """
        for name in OF_ALL:
            if name in own:
                raise ParameterError(
                    f"{where}.{name}: expected none, since it is that of all policies, got {own[name]!r}"
                )
        try:
            return TrainingParams.model_validate(self.model_dump() | dict(own))
        except ValidationError as error:
            raise ParameterError(f"{where}.{describe(error, TrainingParams)}") from None
