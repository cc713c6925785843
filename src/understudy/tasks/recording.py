"""Games of a text task as episodes of a recording, a step a token of the player's.

observation_names(task)    -- names of an observation's components
GameReader                 -- observations of games as they go
spec_of(task, kwargs)      -- the environment of such recordings
as_episodes(task, games)   -- the episodes

An observation is what has been written since the observation before: the player's last token and the task's reply to it, as zeros
and ones; then the place in the turn, likewise, and the share of the turns that are over. So the observations up to a step are the
text so far, and the action at it is the next token.

N games, T tokens of the player's in the longest game, S components of an observation, A tokens of the player's, R tokens a reply.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from understudy.episode import NO_OPTION, Episode
from understudy.spec import EnvironmentSpec
from understudy.tasks.play import Games
from understudy.tasks.task import NOTHING, TextTask

ENVIRONMENT = "text"  # the id in specs; gymnasium cannot make it


def observation_names(task: TextTask) -> tuple[str, ...]:
    """A name for each of the S components."""
    own, replied = task.tokens[: task.num_actions], task.tokens[task.num_actions :]
    return (
        *(f"wrote_{token}" for token in own),
        *(f"reply_{place}_{token}" for place in range(task.reply_length) for token in replied),
        *(f"place_{place}" for place in range(task.turn_length)),
        "turns",
    )


def spec_of(task: TextTask, kwargs: dict[str, Any]) -> EnvironmentSpec:
    """The environment of recordings; `kwargs` says in values that JSON holds what makes the task again."""
    names = task.tokens[: task.num_actions]
    return EnvironmentSpec(
        ENVIRONMENT, kwargs, observation_names(task), task.num_actions, None, None, None, action_names=names
    )


class GameReader:
    """Observes games while they are played.

    Args:
        task: that is played.
        opening: (N, R) int64, how their texts begin.
    """

    def __init__(self, task: TextTask, opening: np.ndarray) -> None:
        self.task = task
        self.place, self.turn = np.zeros(len(opening), np.int64), np.zeros(len(opening), np.int64)
        self._written = (np.full(len(opening), NOTHING), opening)

    def read(self, actions: np.ndarray, reply: np.ndarray) -> None:
        """A token a game (N,) has been written, and replied to (N, R). A turn lasts until there is a reply."""
        ends = (reply != NOTHING).any(axis=1)
        self.place = np.where(ends, 0, self.place + (actions != NOTHING))
        self.turn = self.turn + ends
        self._written = (actions, reply)

    def picked(self, games: np.ndarray) -> "GameReader":
        """One that goes on with these games (M,), of which there may be several of one."""
        reader = GameReader(self.task, self._written[1][games])
        reader.place, reader.turn = self.place[games], self.turn[games]
        reader._written = (self._written[0][games], self._written[1][games])
        return reader

    def observation(self) -> np.ndarray:
        """What is to be seen before the next token, (N, S) float32."""
        task, (action, reply) = self.task, self._written
        parts = [
            _one_hot(action, task.num_actions),
            _one_hot(reply - task.num_actions, len(task.tokens) - task.num_actions).reshape(len(reply), -1),
            _one_hot(self.place, task.turn_length),
            self.turn[:, None] / task.max_turns,
        ]
        return np.concatenate(parts, axis=1, dtype=np.float32)


def as_episodes(task: TextTask, games: Games, player: int = 0) -> Iterator[Episode]:
    """The episodes, in the games' order, all of one of the recording's players."""
    reader = GameReader(task, games.openings)
    observations = [reader.observation()]
    for step in range(games.actions.shape[1]):
        reader.read(games.actions[:, step], games.replies[:, step])
        observations.append(reader.observation())
    stacked = np.stack(observations, axis=1)  # (N, T + 1, S)
    for game, length in enumerate(games.lengths.tolist()):
        actions = games.actions[game, :length]
        yield Episode(
            seed=int(games.seeds[game]),
            observations=stacked[game, :length],
            actions=actions,
            demonstrated_actions=actions,
            rewards=games.rewards[game, :length],
            options=np.full(length, NO_OPTION, np.int16),
            final_observation=stacked[game, length],
            terminated=True,  # by its own rules, the last turn included
            truncated=False,
            player=player,
        )


def _one_hot(values: np.ndarray, count: int) -> np.ndarray:
    """(..., count) bool; a value outside of 0 to count - 1 is nowhere."""
    return values[..., None] == np.arange(count)
