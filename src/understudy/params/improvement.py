"""`improvement:` in params.yaml: a block each way in which a policy goes on online."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from understudy.errors import ParameterError
from understudy.params.policies import NAME
from understudy.params.section import Count, Positive, Probability, Section, Seed
from understudy.validation import printable


class ImprovementParams(Section):
    """A policy that acts, learns from what came of it, and acts again.

    Attributes:
        policy: whose family, model and training it has, a block of `policies`.
        start: with the weights that the policy has learned offline, or from scratch.
        steps: environment steps that it may take; the episodes that are under way then end as they would.
        first_seed: of the episodes that it collects, which have consecutive ones.
        episodes_per_round: played side by side between two rounds of learning.
        learning_starts: environment steps before the first optimizer step, all of them random actions.
        updates_per_step: optimizer steps an environment step.
        recorded_share: of each batch's chunks, from the recordings of the demonstrator (Ball et al., 2023: half); 0 for none.
        play: settings of its family's play that are others while it collects.
        noise: chance that a step executes a random action, at the beginning.
        final_noise: the same from `noise_steps` on.
        noise_steps: environment steps over which one becomes the other.
        training: keys of the policy's training that are others online. After its warm-up the learning rate stays the same.
        evaluate_every: environment steps between two evaluations, in which it plays as the policy's `play` says.
        evaluation_episodes: of each.
        evaluation_first_seed: of theirs, which are the same each time.
    """

    policy: str
    start: Literal["offline", "scratch"]
    steps: Count
    first_seed: Seed
    episodes_per_round: Count
    learning_starts: Annotated[int, Field(ge=0)]
    updates_per_step: Positive
    recorded_share: Annotated[float, Field(ge=0, lt=1)]
    play: dict[str, Any]
    noise: Probability
    final_noise: Probability
    noise_steps: Count
    training: dict[str, Any]
    evaluate_every: Count
    evaluation_episodes: Count
    evaluation_first_seed: Seed

    @property
    def seeds(self) -> range:
        """All that its episodes may have: none has fewer than one step."""
        return range(self.first_seed, self.first_seed + self.steps + self.episodes_per_round)

    @property
    def evaluation_seeds(self) -> range:
        """One an episode of an evaluation."""
        return range(self.evaluation_first_seed, self.evaluation_first_seed + self.evaluation_episodes)

    def noise_after(self, steps: int) -> float:
        """The chance of a random action in episodes that begin after so many environment steps."""
        share = min(1.0, steps / self.noise_steps)
        return self.noise + share * (self.final_noise - self.noise)


class ImprovementsParams(RootModel[dict[str, ImprovementParams]]):
    """All ways by their names, in order."""

    model_config = ConfigDict(frozen=True, strict=True)

    @model_validator(mode="after")
    def _names_are_good_and_seeds_apart(self) -> Self:
        for name, block in self.root.items():
            where = f"improvement.{printable(name)}"
            if not re.fullmatch(NAME, name):
                raise ValueError(f"{where}: expected a name of a-z, 0-9 and _, got {name!r}")
            if overlap(block.seeds, block.evaluation_seeds):
                raise ValueError(
                    f"{where}.evaluation_first_seed: expected seeds that none of its {block.steps} steps can come to,"
                    f" {block.seeds.start} to {block.seeds.stop - 1}, got {block.evaluation_first_seed}"
                )
        return self

    def named(self, name: str) -> ImprovementParams:
        """The block `name`; ParameterError where there is none."""
        if name not in self.root:
            raise ParameterError(f"--name: expected one of {', '.join(self.root) or 'none'}, got {name!r}")
        return self.root[name]


def overlap(one: range, other: range) -> bool:
    """Whether two ranges of consecutive seeds share one."""
    return max(one.start, other.start) < min(one.stop, other.stop)
