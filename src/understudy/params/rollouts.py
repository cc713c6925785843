"""`rollouts:` in params.yaml."""

from typing import Annotated

from pydantic import Field

from understudy.params.section import Probability, SeededEpisodes


class RolloutParams(SeededEpisodes):
    """What is recorded of the demonstrator.

    Attributes:
        noise: chance that a step executes a random action instead of the demonstrator's.
        minimum_return: episodes that returned less, in raw reward, are dropped; None keeps all.
    """

    noise: Probability
    minimum_return: Annotated[float, Field(allow_inf_nan=False)] | None
