"""Playing episodes with the policy as it is now, by the one loop."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

from understudy.environments.make import make_again
from understudy.environments.play import play
from understudy.episode import Episode
from understudy.policies.actor import PolicyActor
from understudy.policies.files import TrainedPolicy


def collect(policy: TrainedPolicy, how: Mapping[str, Any], seeds: range, noise: float) -> list[Episode]:
    """One whole episode a seed, played side by side; what was executed is what they demonstrate.

    Args:
        policy: in evaluation mode.
        how: settings of its family's `begin`.
        seeds: of the episodes, which are a function of them and of the policy alone: environments are made anew.
        noise: chance that a step executes a random action.
    """
    with ExitStack() as stack:
        environments = [stack.enter_context(closing(make_again(policy.task.environment))) for _ in seeds]
        episodes = play(PolicyActor(policy, how), environments, seeds, noise=noise)
    return [replace(episode, demonstrated_actions=episode.actions) for episode in episodes]
