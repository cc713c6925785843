"""`pruning:` in params.yaml, of projects that make smaller policies out of another project's trained ones."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, RootModel, model_validator

from understudy.errors import ParameterError
from understudy.params.policies import NAME
from understudy.params.section import Count, Section, Seed

Sparsity = Annotated[float, Field(ge=0, lt=1)]
FULL, FINETUNED, INT8 = "full", "finetuned", "int8"


class PrunedPolicyParams(Section):
    """What is made of one policy.

    Attributes:
        magnitude: shares of its weights that are set to zero, the smallest ones: compression, each share another policy.
        structured: by name, which share of its layers, heads and hidden units a smaller policy lacks, the least important ones.
        int8: which of all these, or "full", the policy as it is, also play with matrices of eight bits.
    """

    magnitude: list[Sparsity]
    structured: dict[str, dict[Literal["layers", "heads", "units"], Sparsity]]
    int8: list[str]

    @model_validator(mode="after")
    def _names_are_names(self) -> Self:
        for name in self.structured:
            if not re.fullmatch(NAME, name) or name == FULL or name.startswith("sparsity_"):
                raise ValueError(f"structured: expected names of a-z, 0-9 and _ other than {FULL}, got {name!r}")
            if name.endswith((f"_{FINETUNED}", f"_{INT8}")):  # names of what is made of another
                raise ValueError(
                    f"structured: expected names that do not end with _{FINETUNED} or _{INT8}, got {name!r}"
                )
        known = [FULL, *self.pruned]
        for name in self.int8:
            if name not in known:
                raise ValueError(f"int8: expected some of {', '.join(known)}, got {name!r}")
        return self

    @property
    def sparsities(self) -> dict[str, float]:
        """The shares of weights that are set to zero, by the names of the policies that this makes."""
        return {f"sparsity_{share:g}": share for share in self.magnitude}

    @property
    def pruned(self) -> list[str]:
        """Names of all policies that are made: each as it is pruned, and after it finetuned."""
        return [each for name in (*self.sparsities, *self.structured) for each in (name, f"{name}_{FINETUNED}")]


class PrunedPoliciesParams(RootModel[Annotated[dict[str, PrunedPolicyParams], Field(min_length=1)]]):
    """All that are pruned, by the names that they have where they were trained."""

    def named(self, name: str) -> PrunedPolicyParams:
        """The block of the policy `name`; ParameterError where there is none."""
        if name not in self.root:
            raise ParameterError(f"--policy: expected one of {', '.join(self.root)}, got {name!r}")
        return self.root[name]


class TimingParams(Section):
    """How the time of a step is measured.

    Attributes:
        batch_sizes: environments that are played side by side.
        rounds: all policies are timed once a round, one after the other, so that what else the machine does meets all of them;
            the quickest round counts.
        steps: of each in a round.
    """

    batch_sizes: Annotated[list[Count], Field(min_length=1)]
    rounds: Count
    steps: Count


class PruningParams(Section):
    """How policies are pruned.

    Attributes:
        project: folder of the project that has trained them; its params.yaml says how they learn and how they are evaluated.
        seeds: of its trainings.
        importance_batches: batches of training steps by which importance is told.
        finetuning: what of the policy's training is another in finetuning.
        policies: what is made of each.
        timing: how the time of a step is measured.
    """

    project: str
    seeds: Annotated[list[Seed], Field(min_length=1)]
    importance_batches: Count
    finetuning: dict[str, Any]
    policies: PrunedPoliciesParams
    timing: TimingParams
