"""`runs:` and `decisions:` in params.yaml, of projects that learn from logs."""

from typing import Annotated, Literal

from pydantic import Field

from understudy.params.section import NonNegative, Section, Seed

Source = Literal["user", "tools", "opening", "said"]
Predicted = Literal["choice", "reply"]


class RunParams(Section):
    """Which runs are learned from, and which are for the test alone.

    Attributes:
        domains: whose runs count; None for all.
        test_tasks: tasks of the test, lists by domain (`unknown` where a log names none), or the share of the groups whose tasks
            they are, drawn by sequences.seed. No run of them is learned from.
        test_agents: who plays them in the test; no run of these is learned from. [] for everybody.
    """

    domains: list[str] | None
    test_tasks: Annotated[float, Field(gt=0, lt=1)] | dict[str, list[str]]
    test_agents: list[str]


class DecisionParams(Section):
    """What is known when something is decided.

    Attributes:
        predicts: what a policy's action is: the choice among tools, reply and finish; or the vector of the reply, where the steps
            are those alone at which the agent replied.
        observes: what the observation holds the vectors of: what the user has said last, what tools have returned since the last
            decision, the run's opening, and what the agent itself has said last.
        copies: of each training run, to learn from beside it, with noise on their vectors: few runs are soon known by heart.
        noise: standard deviation of that, in units of each entry's own over the training steps.
        seed: of the noise.
    """

    predicts: Predicted
    observes: Annotated[list[Source], Field(min_length=1)]
    copies: Annotated[int, Field(ge=0)]
    noise: NonNegative
    seed: Seed
