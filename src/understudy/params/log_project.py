"""params.yaml of a project that learns from logs of agents: its sections, and what must hold between them."""

from typing import Self

from pydantic import model_validator

from understudy.params.compute import ComputeParams
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.logs import LogParams
from understudy.params.options import OptionParams
from understudy.params.policies import PoliciesParams
from understudy.params.runs import DecisionParams, RunParams
from understudy.params.section import Section
from understudy.params.sequences import SequenceParams
from understudy.params.texts import TextParams
from understudy.params.training import TrainingParams


class LogProject(Section):
    """All of params.yaml: there is no environment to play in, so what was logged is what policies are judged by."""

    logs: LogParams
    runs: RunParams
    texts: TextParams
    decisions: DecisionParams
    sequences: SequenceParams
    options: OptionParams
    training: TrainingParams
    policies: PoliciesParams
    log_evaluation: LogEvaluationParams
    compute: ComputeParams

    @model_validator(mode="after")
    def _runs_are_split_whole(self) -> Self:
        if self.sequences.split_by is None:
            raise ValueError("sequences.split_by: expected task or group, by which runs of logs are held out, got none")
        return self

    @model_validator(mode="after")
    def _policies_learn_from_all_runs(self) -> Self:
        for name, of_data in self.policies.of_data.items():
            key, value = next(iter(of_data.items()))
            raise ValueError(f"policies.{name}.{key}: expected none in a project of logs, got {value!r}")
        return self
