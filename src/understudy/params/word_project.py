"""params.yaml of a project that learns from games in text: its sections."""

from typing import Self

from pydantic import model_validator

from understudy.params.compute import ComputeParams
from understudy.params.options import OptionParams
from understudy.params.policies import PoliciesParams
from understudy.params.section import Section
from understudy.params.sequences import SequenceParams
from understudy.params.training import TrainingParams
from understudy.params.word_evaluation import WordEvaluationParams
from understudy.params.words import WordParams, check_players


class WordProject(Section):
    """All of params.yaml: the demonstrators play themselves, and nothing is trained to demonstrate."""

    words: WordParams
    sequences: SequenceParams
    options: OptionParams
    training: TrainingParams
    policies: PoliciesParams
    word_evaluation: WordEvaluationParams
    compute: ComputeParams

    @model_validator(mode="after")
    def _games_are_judged_that_nobody_learned_from(self) -> Self:
        recorded = range(self.words.first_seed, self.words.first_seed + sum(each.games for each in self.words.players))
        judged = self.word_evaluation.seeds
        shared = range(max(recorded.start, judged.start), min(recorded.stop, judged.stop))
        if shared:
            raise ValueError(
                f"word_evaluation.first_seed: expected seeds that words.first_seed does not use, got"
                f" {shared.stop - shared.start} shared, the first {shared.start}"
            )
        return self

    @model_validator(mode="after")
    def _players_and_the_baseline_exist(self) -> Self:
        check_players(self.words.task, self.word_evaluation.players, "word_evaluation.players")
        baseline = self.word_evaluation.baseline
        if baseline is not None and baseline not in self.policies.names:
            raise ValueError(
                f"word_evaluation.baseline: expected one of the policies {', '.join(self.policies.names)}, or null,"
                f" got {baseline!r}"
            )
        return self
