"""What a text task is: a game whose state is the text so far, and in which an action is the next token.

TextTask               -- the contract: reset, step, legal, and the tokens
TextStep               -- what reset and step return
check_task(task)       -- whether what it says of itself holds together
check_step(task, ...)  -- whether a step has the shapes of the contract
legal_tokens(task, ..) -- what is legal in a state
check_legal(task, ...) -- whether actions are legal ones

N games are played at once. The player writes tokens one by one; when its turn is over, after a word or a move, the task writes
its reply, R tokens at most, and may pay. V tokens, of which the first A are the player's and the others the task's.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from understudy.errors import DataError

NOTHING = -1  # in place of a token, where none is written

State = dict[str, np.ndarray]  # arrays of N rows each, of the task's own making


@dataclass(frozen=True)
class TextStep:
    """What has come of a token in each game.

    Attributes:
        state: of the games, to step from again.
        reply: (N, R) int64, what the task writes after the player's token; NOTHING where it writes less or nothing.
        rewards: (N,) float32 for this token; a turn is paid for at its last one.
        terminated: (N,) bool, whether the game is over.
    """

    state: State
    reply: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray


class TextTask(Protocol):
    """Games that are played in text; a game depends on its seed and on the player's tokens alone."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """(V,) the text of each token, the player's first."""

    @property
    def num_actions(self) -> int:
        """A, how many of them the player may write."""

    @property
    def reply_length(self) -> int:
        """R, most tokens of a reply."""

    @property
    def turn_length(self) -> int:
        """Most tokens of a turn of the player's."""

    @property
    def max_turns(self) -> int:
        """After so many turns a game is over."""

    def reset(self, seeds: np.ndarray) -> TextStep:
        """Begin a game for each of the seeds (N,); the reply is how its text opens, and nothing is paid."""

    def step(self, state: State, actions: np.ndarray) -> TextStep:
        """Write legal tokens (N,) int64. The state given stays as it is; a game that is over replies and pays nothing."""

    def legal(self, state: State) -> np.ndarray:
        """Which tokens the player may write next, (N, A) bool: at least one, or none where the game is over."""


def check_task(task: TextTask) -> None:
    """Hold what a task says of itself against the contract.

    Raises:
        ValueError: no tokens, one twice, one without text, none left for the player or for the task, or a size below 1.
    """
    if len(set(task.tokens)) != len(task.tokens) or "" in task.tokens:
        raise ValueError(f"tokens: expected different texts of at least a character, got {task.tokens}")
    if not 1 <= task.num_actions < len(task.tokens):
        raise ValueError(
            f"num_actions: expected from 1 to {len(task.tokens) - 1}, so that the task has a token left, got {task.num_actions}"
        )
    for name in ("reply_length", "turn_length", "max_turns"):
        if getattr(task, name) < 1:
            raise ValueError(f"{name}: expected at least 1, got {getattr(task, name)}")


def check_step(task: TextTask, step: TextStep, num_games: int) -> None:
    """Hold a step against the contract.

    Raises:
        DataError: something is no array or has another shape, or a reply holds tokens that are not the task's.
    """
    shapes = {"reply": (num_games, task.reply_length), "rewards": (num_games,), "terminated": (num_games,)}
    for name, shape in shapes.items():
        _check_shape(task, name, getattr(step, name), shape)
    own = (step.reply >= task.num_actions) & (step.reply < len(task.tokens))
    strange = step.reply[(step.reply != NOTHING) & ~own]
    if len(strange):
        raise DataError(
            f"{type(task).__name__}: reply: expected tokens from {task.num_actions} to {len(task.tokens) - 1}, the task's,"
            f" got {strange[0]}"
        )


def legal_tokens(task: TextTask, state: State, num_games: int) -> np.ndarray:
    """What `task.legal` says of a state, (N, A) bool.

    Raises:
        DataError: that is no array, or has another shape.
    """
    legal = task.legal(state)
    _check_shape(task, "legal", legal, (num_games, task.num_actions))
    return legal


def check_legal(task: TextTask, seeds: np.ndarray, legal: np.ndarray, actions: np.ndarray) -> None:
    """Hold the actions (N,) of games that go on, of these seeds (N,), against what is legal in them, (N, A) bool.

    Raises:
        DataError: one of them is not; the message names the game and what it may write.
    """
    existing = (actions >= 0) & (actions < task.num_actions)
    allowed = existing & legal[np.arange(len(actions)), np.where(existing, actions, 0)]
    if not allowed.all():
        game = int(np.flatnonzero(~allowed)[0])
        names = " ".join(repr(task.tokens[token]) for token in np.flatnonzero(legal[game]))
        got = repr(task.tokens[actions[game]]) if existing[game] else str(actions[game])
        raise DataError(f"game {seeds[game]}: expected one of {names}, got {got}")


def _check_shape(task: TextTask, name: str, values: object, shape: tuple[int, ...]) -> None:
    found = values.shape if isinstance(values, np.ndarray) else type(values).__name__
    if found != shape:
        raise DataError(f"{type(task).__name__}: {name}: expected an array of the shape {shape}, got {found}")
