"""What an agent knows when it decides, as numbers: the observation of a recording's step, and what it may do.

Layout       -- names of observation components and of choices; kept in the environment's spec
Conversation -- one agent's run as it goes: what it hears, what it does, and the observation in between

D numbers a text's vector, C choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.errors import DataError
from understudy.params.runs import Predicted, Source
from understudy.spec import EnvironmentSpec

ENVIRONMENT = "logs"  # the id in specs; nothing can be played in it
REPLY, FINISH, OTHER = "reply", "finish", "another"
PLAIN = {"text": REPLY, "finish": FINISH, "thought": "think"}  # choices other than a tool, by the kind of step
REPLIES = ("text", "finish")  # kinds of steps that are replies
MOST_TURNS = 32  # to which turns are scaled: a number, not a limit


@dataclass(frozen=True)
class Layout:
    """What observations and actions are made of.

    Attributes:
        dim: D.
        observes: what the observation holds vectors of, in order.
        choices: (C,) `reply`, `finish` and tools, and last `another`: what nobody did in training.
        embedder: identity of what makes the vectors.
        predicts: whether an action is one of the choices, or the vector (D,) of a reply.
    """

    dim: int
    observes: tuple[Source, ...]
    choices: tuple[str, ...]
    embedder: str
    predicts: Predicted

    @property
    def components(self) -> tuple[str, ...]:
        """A name for each entry of an observation."""
        vectors = tuple(f"{source}_{number}" for source in self.observes for number in range(self.dim))
        return (*vectors, *(f"did_{choice}" for choice in self.choices), "turns", "failed", "heard_user", "heard_tool")

    @property
    def size(self) -> int:
        """Entries of an observation."""
        return len(self.observes) * self.dim + len(self.choices) + 4

    def choice(self, kind: str, tool: str | None) -> int:
        """Number of what a step of this `kind`, with this `tool` where it calls one, chose."""
        name = tool if kind == "tool_call" else PLAIN[kind]
        return self.choices.index(name) if name in self.choices else len(self.choices) - 1

    def spec(self) -> EnvironmentSpec:
        """The environment of recordings, from which `layout_of` gives the layout back."""
        about: dict[str, Any] = {"dim": self.dim, "observes": list(self.observes), "embedder": self.embedder}
        if self.predicts == "choice":
            return EnvironmentSpec(
                ENVIRONMENT, about, self.components, len(self.choices), None, None, None, action_names=self.choices
            )
        about["choices"] = list(self.choices)
        low, high = (-1.0,) * self.dim, (1.0,) * self.dim  # of vectors of length one
        return EnvironmentSpec(ENVIRONMENT, about, self.components, None, low, high, None)


def layout_of(spec: EnvironmentSpec) -> Layout:
    """The layout of a recording of logs, or of a policy that learned from one.

    Raises:
        DataError: it is of another environment.
    """
    if spec.environment_id != ENVIRONMENT:
        raise DataError(f"expected what was learned from logs of agents, got an environment {spec.environment_id}")
    about = spec.kwargs
    try:
        predicts: Predicted = "choice" if spec.discrete_actions else "reply"
        choices = spec.action_names if spec.discrete_actions else tuple(about["choices"])
        return Layout(int(about["dim"]), tuple(about["observes"]), choices, str(about["embedder"]), predicts)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"expected the layout of observations of logs, got a malformed one: {error!r}") from None


def choices_of(tools: Sequence[str], kinds: Sequence[str]) -> tuple[str, ...]:
    """The choices of these tools and kinds of steps: reply and finish first, tools by name, what else there is last."""
    plain = [REPLY, FINISH, *(name for name in sorted({PLAIN[kind] for kind in kinds}) if name not in (REPLY, FINISH))]
    return (*plain, *sorted(set(tools) - {*plain, OTHER}), OTHER)


class Conversation:
    """What one agent has heard and done in a run so far."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.vectors = {source: np.zeros(layout.dim, np.float32) for source in ("user", "tools", "opening", "said")}
        self.done = np.zeros(len(layout.choices), np.float32)
        self.turns = 0
        self.opened = False
        self._begin_turn()

    def _begin_turn(self) -> None:
        self.failed = self.heard_user = self.heard_tool = 0.0

    def instruct(self, vector: np.ndarray) -> None:
        """The policy (D,) that it was given: the opening of a run in which nobody speaks."""
        if not self.opened:
            self.vectors["opening"] = vector

    def hear(self, vector: np.ndarray) -> None:
        """A text (D,) of the user, or of another agent; the first one is the run's opening."""
        self.vectors["user"], self.heard_user = vector, 1.0
        if not self.opened:
            self.vectors["opening"], self.opened = vector, True

    def read(self, vector: np.ndarray, failed: bool) -> None:
        """What a tool returned (D,). Of several since the last decision the vectors are added up."""
        self.vectors["tools"] = self.vectors["tools"] + vector if self.heard_tool else vector
        self.heard_tool, self.failed = 1.0, max(self.failed, float(failed))

    def say(self, vector: np.ndarray) -> None:
        """A text (D,) of the agent's own."""
        self.vectors["said"] = vector

    def decide(self, choice: int) -> None:
        """The agent has made its choice; what comes is heard after it."""
        self.done[choice] += 1
        self.turns += 1
        self._begin_turn()

    def observation(self) -> np.ndarray:
        """What is known now, (S,) float32."""
        counted = np.log1p(self.done)
        rest = [self.turns / MOST_TURNS, self.failed, self.heard_user, self.heard_tool]
        return np.concatenate([*(self.vectors[source] for source in self.layout.observes), counted, rest]).astype(
            np.float32
        )
