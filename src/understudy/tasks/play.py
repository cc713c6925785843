"""Playing text tasks, many games side by side.

Player                    -- who writes the tokens
play(task, player, seeds) -- Games: the texts, and what was paid
RandomPlayer              -- writes any legal token

N games, T tokens of the player's in the longest game, R tokens a reply, A tokens to choose from.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from understudy.errors import DataError
from understudy.tasks.draws import pick
from understudy.tasks.task import NOTHING, TextTask, check_legal, check_step, check_task, legal_tokens
from understudy.utils.draws import uniform

TOKEN_STREAM = 1


class Player(Protocol):
    """Writes tokens, and knows of a game what stands in its text."""

    def start(self, seeds: np.ndarray) -> None:
        """Begin games of these seeds (N,), from which all that is drawn in them comes."""

    def act(self, reply: np.ndarray, legal: np.ndarray) -> np.ndarray:
        """The next token of each game (N,) int64, after what the task has written (N, R), among the legal ones (N, A).

        Of a game that is over, in which nothing is legal, the token counts for nothing.
        """


@dataclass(frozen=True)
class Games:
    """What was played.

    Attributes:
        seeds: (N,) int64.
        lengths: (N,) int64, tokens of the player's.
        openings: (N, R) int64, what stood in the text before the first of them.
        actions: (N, T) int64, NOTHING behind a game's end; replies (N, T, R) and rewards (N, T) float32 likewise.
    """

    seeds: np.ndarray
    lengths: np.ndarray
    openings: np.ndarray
    actions: np.ndarray
    replies: np.ndarray
    rewards: np.ndarray

    @property
    def returns(self) -> np.ndarray:
        """(N,) float64."""
        return self.rewards.sum(axis=1, dtype=np.float64)

    def text(self, game: int) -> np.ndarray:
        """All tokens (L,) of a game in the order in which they were written."""
        written = np.concatenate([self.actions[game, :, None], self.replies[game]], axis=1).reshape(-1)
        tokens = np.concatenate([self.openings[game], written])
        return tokens[tokens != NOTHING]


def play(task: TextTask, player: Player, seeds: np.ndarray) -> Games:
    """Play a game for each of the seeds (N,) int64 to its end.

    Raises:
        ValueError: what the task says of itself does not hold together.
        DataError: the task breaks its contract, or the player writes what is not legal.
    """
    check_task(task)
    player.start(seeds)
    step = task.reset(seeds)
    check_step(task, step, len(seeds))
    openings, lengths = step.reply, np.zeros(len(seeds), np.int64)
    actions: list[np.ndarray] = []
    replies: list[np.ndarray] = []
    rewards: list[np.ndarray] = []
    while not step.terminated.all():
        if len(actions) == task.max_turns * task.turn_length:
            raise DataError(
                f"{type(task).__name__}: terminated: expected every game to end within {task.max_turns} turns of"
                f" {task.turn_length} tokens, got game {seeds[~step.terminated][0]} going on"
            )
        playing, legal = ~step.terminated, legal_tokens(task, step.state, len(seeds))
        chosen = np.where(playing, player.act(step.reply, legal), 0)
        check_legal(task, seeds[playing], legal[playing], chosen[playing])
        step = task.step(step.state, chosen)
        check_step(task, step, len(seeds))
        lengths += playing
        actions.append(np.where(playing, chosen, NOTHING))
        replies.append(step.reply)
        rewards.append(step.rewards)
    stacked = (np.stack(each, axis=1) for each in (actions, replies, rewards))
    return Games(seeds, lengths, openings, *stacked)


class RandomPlayer:
    """Writes legal tokens, each as likely as the others."""

    def start(self, seeds: np.ndarray) -> None:
        """Nothing is known."""
        self.seeds, self.written = seeds, 0

    def act(self, reply: np.ndarray, legal: np.ndarray) -> np.ndarray:
        """Whatever stands in the text."""
        self.written += 1
        return pick(uniform(self.seeds, TOKEN_STREAM, self.written), legal)
