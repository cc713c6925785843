"""The one interaction loop: demonstrations, evaluations and tests all play through `play`.

Actor       -- what plays: batched over rows
play(...)   -- each seed exactly once, on as many rows as there are environments

Stopping at a number of steps would favour short episodes; here every seed's episode runs to its end. A free row takes the
next seed. When a quarter of the rows have nothing left to do they are dropped from the actor's batch.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import gymnasium
import numpy as np

from understudy.episode import NO_OPTION, Episode

NOISE_STREAM = 1
BUSY_SHARE = 0.75
FIRST_LINES = 1024


class Actor(Protocol):
    """A policy that acts for B rows at once; B environment rows, S observation components, A action dimensions."""

    def start(self, num_rows: int) -> None:
        """Prepare for a batch of `num_rows` rows; every row is reset before it acts."""

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        """Forget the past of `rows` (R,) int64, where episodes with these `seeds` (R,) int64 begin."""

    def keep(self, rows: np.ndarray) -> None:
        """Go on with `rows` alone; row i of the next call is what was row rows[i]."""

    def act(self, observations: np.ndarray) -> np.ndarray:
        """Choose actions (B,) int64 or (B, A) float32 for observations (B, S) float32."""

    def options(self) -> np.ndarray | None:
        """Options (B,) int16 under which the last actions were chosen, None for an actor without options."""


class _Log:
    """What happened in B rows, a line a pass of the loop, so that a step makes no Python objects; episodes are cut out."""

    def __init__(self, num_rows: int) -> None:
        self.columns: dict[str, np.ndarray] = {}  # (passes, B, ...)
        self.begun = np.zeros(num_rows, dtype=np.int64)
        self.length = 0

    def add(self, **values: np.ndarray) -> None:
        """Write the next line: values (B, ...) by column."""
        if not self.columns:
            self.columns = {name: np.empty((FIRST_LINES, *row.shape), row.dtype) for name, row in values.items()}
        elif self.length == len(self.columns["rewards"]):
            self._make_room()
        for name, row in values.items():
            self.columns[name][self.length] = row
        self.length += 1

    def _make_room(self) -> None:
        """Drop the lines that no episode under way needs, or double the space where most are needed."""
        first = int(self.begun.min())
        for name, column in self.columns.items():
            space = np.empty((len(column) * (1 if 2 * first >= len(column) else 2), *column.shape[1:]), column.dtype)
            space[: self.length - first] = column[first : self.length]
            self.columns[name] = space
        self.begun -= first
        self.length -= first

    def cut(self, row: int) -> dict[str, np.ndarray]:
        """The columns (T, ...) of the row's episode, which has ended with the last line; the next one begins there."""
        columns = {name: column[self.begun[row] : self.length, row].copy() for name, column in self.columns.items()}
        self.begun[row] = self.length
        return columns

    def keep(self, rows: np.ndarray) -> None:
        """Go on with `rows` alone."""
        self.columns = {name: column[:, rows] for name, column in self.columns.items()}
        self.begun = self.begun[rows]


class _Rows:
    """B environments and the episodes that are under way in them; a row without one holds its last observation."""

    def __init__(
        self, environments: Sequence[gymnasium.Env], seeds: Sequence[int], actors: list[Actor], chance: float
    ) -> None:
        self.environments, self.actors, self.chance = list(environments), actors, chance
        self.waiting = iter(seeds)
        self.seeds = np.full(len(environments), -1)
        self.noise: list[np.random.Generator | None] = [None] * len(environments)
        self.observations = np.zeros((len(environments), *environments[0].observation_space.shape), np.float32)
        self.active = np.zeros(len(environments), dtype=bool)
        self.log = _Log(len(environments))
        for actor in actors:
            actor.start(len(environments))

    def begin(self, free: np.ndarray) -> None:
        """Give the free rows the next seeds; those for which none is left become idle, and leave where they are too many."""
        begun = []
        for row, seed in zip(free, self.waiting):  # noqa: B905 -- either may run out first
            self.seeds[row] = seed
            if self.chance > 0:
                self.noise[row] = np.random.default_rng([seed, NOISE_STREAM])
                # Not `seed` itself: the environment draws its initial state from the very same stream of numbers.
                self.environments[row].action_space.seed(int(self.noise[row].integers(2**31)))
            self.observations[row] = self.environments[row].reset(seed=seed)[0]
            begun.append(row)
        self.active[free] = False
        self.active[begun] = True
        if begun:
            for actor in self.actors:
                actor.reset(np.asarray(begun), self.seeds[begun])
        if 0 < self.active.sum() <= BUSY_SHARE * len(self.active):
            self._keep(np.flatnonzero(self.active))

    def _keep(self, rows: np.ndarray) -> None:
        self.environments = [self.environments[row] for row in rows]
        self.noise = [self.noise[row] for row in rows]
        self.seeds, self.active, self.observations = self.seeds[rows], self.active[rows], self.observations[rows]
        self.log.keep(rows)
        for actor in self.actors:
            actor.keep(rows)

    def with_noise(self, actions: np.ndarray) -> np.ndarray:
        """The actions, each exchanged for a random one with the given chance."""
        if self.chance == 0:
            return actions
        executed = actions.copy()
        for row in np.flatnonzero(self.active):
            if self.noise[row].random() < self.chance:
                executed[row] = self.environments[row].action_space.sample()
        return executed

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, dict[int, tuple[bool, bool]]]:
        """Execute actions (B, ...); returns the rewards (B,) and, of the rows whose episodes ended, the two flags."""
        rewards, ended = np.zeros(len(actions), np.float32), {}
        executed = actions.tolist() if actions.ndim == 1 else list(actions)
        for row in np.flatnonzero(self.active).tolist():
            following, rewards[row], terminated, truncated, _ = self.environments[row].step(executed[row])
            self.observations[row] = following
            if terminated or truncated:
                ended[row] = (bool(terminated), bool(truncated))
        return rewards, ended


def play(
    actor: Actor,
    environments: Sequence[gymnasium.Env],
    seeds: Sequence[int],
    *,
    demonstrator: Actor | None = None,
    noise: float = 0.0,
    on_episode: Callable[[], None] = lambda: None,
) -> list[Episode]:
    """Play one whole episode for each seed and return them in the order of `seeds`.

    Args:
        actor: chooses the actions.
        environments: one a row; all of the same kind.
        seeds: of the episodes, each played exactly once.
        demonstrator: says at every step what it would have done; None takes what the actor chose.
        noise: chance that a step executes a random action instead. It derives from the episode's seed alone.
        on_episode: called after each finished episode.
    """
    if not len(seeds):
        return []
    actors = [actor] if demonstrator is None else [actor, demonstrator]
    rows = _Rows(environments[: len(seeds)], seeds, actors, noise)
    rows.begin(np.arange(len(rows.active)))
    finished: dict[int, Episode] = {}
    while rows.active.any():
        observations = rows.observations.copy()
        actions = actor.act(observations)
        demonstrated = actions if demonstrator is None else demonstrator.act(observations)
        options = actor.options()
        executed = rows.with_noise(actions)
        rewards, ended = rows.step(executed)
        rows.log.add(
            observations=observations,
            actions=executed,
            demonstrated_actions=demonstrated,
            rewards=rewards,
            options=np.full(len(rewards), NO_OPTION, np.int16) if options is None else options,
        )
        for row, (terminated, truncated) in ended.items():
            seed, final = int(rows.seeds[row]), rows.observations[row].copy()
            episode = Episode(
                seed, **rows.log.cut(row), final_observation=final, terminated=terminated, truncated=truncated
            )
            finished[seed] = episode
            on_episode()
        if ended:
            rows.begin(np.asarray(list(ended)))
    return [finished[seed] for seed in seeds]
