"""Whether a demonstrator is worth watching."""

from contextlib import ExitStack, closing

import numpy as np

from understudy.demonstrators.random import RandomActor
from understudy.environments.make import make_again
from understudy.environments.play import Actor, play
from understudy.errors import DataError
from understudy.policies.actor import PolicyActor
from understudy.policies.files import TrainedPolicy

SEEDS = range(3_000_000, 3_000_032)  # which nothing is recorded or judged on


def check_better_than_random(policy: TrainedPolicy) -> None:
    """Play some episodes by the policy and by the random actor.

    Raises:
        DataError: its mean return is not above the random actor's. A score would have nothing to measure.
    """
    spec = policy.task.environment
    actors: list[Actor] = [PolicyActor(policy), RandomActor(spec)]
    with ExitStack() as stack:
        environments = [stack.enter_context(closing(make_again(spec))) for _ in SEEDS]
        played = [play(actor, environments, SEEDS) for actor in actors]
    expert, random = (float(np.mean([episode.total_return for episode in episodes])) for episodes in played)
    if expert <= random:
        raise DataError(
            f"expert: expected a mean return above the random actor's {random:.1f} over {len(SEEDS)} episodes,"
            f" got {expert:.1f}; train for more steps (expert.total_steps), or choose other hyperparameters"
        )
