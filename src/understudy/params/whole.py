"""params.yaml as a whole: every section, and what must hold between them. The first stage checks it before anything runs.

load_params(path) -> Params
"""

import itertools
from pathlib import Path
from typing import Self

from pydantic import model_validator

from understudy.params.comparison import ComparisonParams
from understudy.params.compute import ComputeParams
from understudy.params.demonstrations import DemonstrationParams
from understudy.params.environment import EnvironmentParams
from understudy.params.evaluation import EvaluationParams
from understudy.params.expert import ExpertParams
from understudy.params.improvement import ImprovementsParams, overlap
from understudy.params.load import read_yaml, validated
from understudy.params.options import OptionParams
from understudy.params.policies import PoliciesParams
from understudy.params.rollouts import FINISHED, RolloutParams
from understudy.params.section import Section
from understudy.params.sequences import SequenceParams
from understudy.params.training import TrainingParams


class Params(Section):
    """All of params.yaml: what is demonstrated comes from an expert and its rollouts, or is there already."""

    environment: EnvironmentParams
    expert: ExpertParams | None = None
    rollouts: RolloutParams | None = None
    demonstrations: DemonstrationParams | None = None
    sequences: SequenceParams
    options: OptionParams
    training: TrainingParams
    policies: PoliciesParams
    evaluation: EvaluationParams
    comparison: ComparisonParams
    compute: ComputeParams
    improvement: ImprovementsParams | None = None

    @model_validator(mode="after")
    def _one_source_of_demonstrations(self) -> Self:
        if self.demonstrations is None:
            for name in ("expert", "rollouts"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: expected a value, got none")
        elif self.expert is not None or self.rollouts is not None:
            raise ValueError("demonstrations: expected either this section or expert and rollouts, got both")
        return self

    @model_validator(mode="after")
    def _players_have_been_kept(self) -> Self:
        if self.expert is not None and self.rollouts is not None:
            kept = [FINISHED, *self.expert.snapshots]
            for number, player in enumerate(self.rollouts.players):
                if player.snapshot not in kept:
                    raise ValueError(
                        f"rollouts.players.{number}.snapshot: expected 1 or one of expert.snapshots,"
                        f" {self.expert.snapshots}, got {player.snapshot}"
                    )
        return self

    @model_validator(mode="after")
    def _seeds_are_disjoint(self) -> Self:
        users = {"evaluation.first_seed": self.evaluation.seeds}
        if self.expert is not None and self.rollouts is not None:
            users = {"expert.seed": self.expert.seeds, "rollouts.first_seed": self.rollouts.seeds} | users
        for (first, one), (second, other) in itertools.combinations(users.items(), 2):
            shared = range(max(one.start, other.start), min(one.stop, other.stop))
            if shared:
                count = shared.stop - shared.start  # len() counts no further than a machine word
                raise ValueError(
                    f"{second}: expected seeds that {first} does not use, got {count} shared, the first {shared.start}"
                )
        return self

    @model_validator(mode="after")
    def _improvements_have_policies_and_seeds_of_their_own(self) -> Self:
        for name, block in (self.improvement.root if self.improvement is not None else {}).items():
            if block.policy not in self.policies.names:
                raise ValueError(
                    f"improvement.{name}.policy: expected one of {', '.join(self.policies.names)}, got {block.policy!r}"
                )
            for key, seeds in (("first_seed", block.seeds), ("evaluation_first_seed", block.evaluation_seeds)):
                if overlap(seeds, self.evaluation.seeds):
                    raise ValueError(
                        f"improvement.{name}.{key}: expected seeds that evaluation.first_seed does not use, got some of them"
                    )
        return self

    @model_validator(mode="after")
    def _compared_policies_exist(self) -> Self:
        self.comparison.check_policies(self.policies.ways)
        return self


def load_params(path: Path) -> Params:
    """Read and validate a params.yaml.

    Raises:
        ParameterError: the file is missing, not YAML 1.2, or holds a key or value that is not expected, or values that do not go
            together; the message names the file and the key.
    """
    return validated(path, read_yaml(path), Params)
