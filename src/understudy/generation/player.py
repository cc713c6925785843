"""A learned policy that plays a task in text.

PolicyPlayer -- writes what the policy scores highest, or draws by its scores, among what is legal

N games, B of them going on, A tokens.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from understudy.errors import DataError
from understudy.generation.choice import choose
from understudy.policies.act import Acting
from understudy.policies.files import TrainedPolicy
from understudy.step import Step
from understudy.tasks.recording import GameReader
from understudy.tasks.task import TextTask
from understudy.utils.draws import uniform

CHOICE_STREAM = 4
KEPT = 0.8  # share of the rows that may still be in play for finished ones to be carried along: to drop them copies the cache


class PolicyPlayer:
    """Knows of a game what stands in its text, as the policy did when it learned from recordings; not what was paid.

    Args:
        policy: of any family that says what it chooses among, made for recordings of this task.
        task: that is played.
        play: settings of the family's `begin`.
        temperature: by which tokens are drawn from the policy's scores; 0 for the highest.
    """

    def __init__(self, policy: TrainedPolicy, task: TextTask, play: Mapping[str, Any], temperature: float) -> None:
        self.policy, self.task, self.play, self.temperature = policy, task, dict(play), temperature

    def start(self, seeds: np.ndarray) -> None:
        """Begin with empty caches; draws come from the seeds (N,)."""
        self.seeds, self.written = seeds, 0
        self.rows = np.arange(len(seeds))  # (B,), the games that the policy still remembers
        self.last = np.zeros(len(seeds), np.int64)
        self.acting = Acting(self.policy, len(seeds), self.play)
        self.acting.reset(self.rows, seeds)

    def act(self, reply: np.ndarray, legal: np.ndarray) -> np.ndarray:
        """The next token of each game (N,) int64; 0 where it is over.

        Raises:
            DataError: the policy does not say what it chooses among.
        """
        if self.written == 0:
            self.reader = GameReader(self.task, reply)
        else:
            self.reader.read(self.last, reply)
        self._forget_games_that_are_over(np.asarray(legal.any(axis=1)))
        rows, count = self.rows, len(self.rows)
        step = Step(
            self.reader.observation()[rows],
            self.last[rows],
            np.zeros(count, np.float32),
            np.full(count, self.written == 0),
        )
        scores = self.acting.act(step).predictions
        if scores is None:
            raise DataError(
                f"{self.policy.family}: expected a family that scores what it chooses among, got one that does not"
            )
        own_legal = legal[rows]
        own_legal[~own_legal.any(axis=1)] = True  # of games that are over any token will do
        draws = uniform(self.seeds[rows], CHOICE_STREAM, self.written)
        self.last = np.zeros(len(self.seeds), np.int64)
        self.last[rows] = choose(scores, own_legal, self.temperature, draws)
        self.written += 1
        return self.last

    def _forget_games_that_are_over(self, going_on: np.ndarray) -> None:
        kept = np.flatnonzero(going_on[self.rows])
        if len(kept) < KEPT * len(self.rows):
            self.rows = self.rows[kept]
            self.acting.keep(kept)
