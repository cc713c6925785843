"""params.yaml of a project in which one model learns several tasks: its sections."""

from understudy.params.compute import ComputeParams
from understudy.params.evaluation import EvaluationParams
from understudy.params.policies import PoliciesParams
from understudy.params.section import Section
from understudy.params.tasks import TasksParams
from understudy.params.training import TrainingParams


class TaskProject(Section):
    """All of params.yaml: environments, demonstrators and demonstrations are those of each task's own folder."""

    tasks: TasksParams
    training: TrainingParams
    policies: PoliciesParams
    evaluation: EvaluationParams
    compute: ComputeParams
