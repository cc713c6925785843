"""`log_evaluation:` in params.yaml, of projects that learn from logs."""

from typing import Annotated

from pydantic import Field

from understudy.params.section import Count, Positive, Probability, Section, Seed


class LogEvaluationParams(Section):
    """How policies and baselines are judged on logs.

    Attributes:
        seed: of the bootstrap over tasks.
        resamples: of it.
        confidence: of its intervals.
        precision: that the gate is to have on the held-out runs: above its threshold a policy may act.
        regularisation: strengths C of logistic regression, of which the held-out runs choose one.
        neighbours: numbers of nearest neighbours, likewise.
        baseline: whose accuracies are taken from those of the policies.
        success_baseline: whose AUROC and Brier score of success are taken from theirs.
        forest_trees, forest_leaf: trees of the random forest on the run so far, and steps of a leaf at least.
        longest_loop: steps of a cycle at most, in the report.
        odd_steps: that are listed there, those that surprise most.
    """

    seed: Seed
    resamples: Count
    confidence: Annotated[float, Field(gt=0, lt=1)]
    precision: Probability
    regularisation: Annotated[list[Positive], Field(min_length=1)]
    neighbours: Annotated[list[Count], Field(min_length=1)]
    baseline: str
    success_baseline: str
    forest_trees: Count
    forest_leaf: Count
    longest_loop: Count
    odd_steps: Count
