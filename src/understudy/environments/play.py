"""The one interaction loop: demonstrations, evaluations and tests all play through `play`.

Actor       -- what plays: batched over rows
play(...)   -- each seed exactly once, on as many rows as there are environments

Stopping at a number of steps would favour short episodes; here every seed's episode runs to its end. A free row takes the
next seed. When half of the rows have nothing left to do they are dropped from the actor's batch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import gymnasium
import numpy as np

from understudy.episode import NO_OPTION, Episode

NOISE_STREAM = 1


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


@dataclass
class _Row:
    """One environment and the episode that is under way in it."""

    environment: gymnasium.Env
    seed: int = -1
    observation: np.ndarray | None = None
    noise: np.random.Generator | None = None
    steps: list[tuple] = field(default_factory=list)

    def begin(self, seed: int) -> None:
        self.seed, self.steps = seed, []
        self.noise = np.random.default_rng([seed, NOISE_STREAM])
        # Not `seed` itself: the environment draws its initial state from the very same stream of numbers.
        self.environment.action_space.seed(int(self.noise.integers(2**31)))
        self.observation = np.array(self.environment.reset(seed=seed)[0], dtype=np.float32)

    def step(self, action: np.ndarray, demonstrated: np.ndarray, option: int, noise: float) -> Episode | None:
        """Execute one action; returns the episode if that was its last step."""
        executed = action
        if noise > 0 and self.noise.random() < noise:
            executed = np.asarray(self.environment.action_space.sample(), dtype=np.asarray(action).dtype)
        following, reward, terminated, truncated, _ = self.environment.step(
            int(executed) if executed.ndim == 0 else executed
        )
        self.steps.append((self.observation, executed, demonstrated, reward, option))
        self.observation = np.array(following, dtype=np.float32)  # a copy: an environment may use its array again
        return self._finish(terminated, truncated) if terminated or truncated else None

    def _finish(self, terminated: bool, truncated: bool) -> Episode:
        observations, actions, demonstrated, rewards, options = zip(*self.steps, strict=True)
        self.steps = []
        return Episode(
            seed=self.seed,
            observations=np.stack(observations),
            actions=np.stack(actions),
            demonstrated_actions=np.stack(demonstrated),
            rewards=np.asarray(rewards, dtype=np.float32),
            options=np.asarray(options, dtype=np.int16),
            final_observation=self.observation,
            terminated=bool(terminated),
            truncated=bool(truncated),
        )


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
    waiting = iter(seeds)
    rows = [_Row(environment) for environment in environments[: len(seeds)]]
    actors = [actor] if demonstrator is None else [actor, demonstrator]
    for each in actors:
        each.start(len(rows))
    _begin(rows, np.arange(len(rows)), waiting, actors)
    active = np.ones(len(rows), dtype=bool)
    finished: dict[int, Episode] = {}
    while active.any():
        observations = np.stack([row.observation for row in rows])
        actions = actor.act(observations)
        demonstrated = actions if demonstrator is None else demonstrator.act(observations)
        options = actor.options()
        ended = []
        for index in np.flatnonzero(active):
            option = NO_OPTION if options is None else options[index]
            episode = rows[index].step(actions[index], demonstrated[index], option, noise)
            if episode is not None:
                finished[episode.seed] = episode
                ended.append(index)
                on_episode()
        if ended:
            active[_begin(rows, np.asarray(ended), waiting, actors)] = False
            if 0 < 2 * active.sum() <= len(rows):
                staying = np.flatnonzero(active)
                for each in actors:
                    each.keep(staying)
                rows, active = [rows[index] for index in staying], active[staying]
    return [finished[seed] for seed in seeds]


def _begin(rows: list[_Row], free: np.ndarray, waiting: Iterator[int], actors: list[Actor]) -> np.ndarray:
    """Give the free rows the next seeds; returns the rows for which none was left."""
    begun = []
    for index, seed in zip(free, waiting):  # noqa: B905 -- either may run out first
        rows[index].begin(seed)
        begun.append(index)
    if begun:
        for each in actors:
            each.reset(np.asarray(begun), np.asarray([rows[index].seed for index in begun]))
    return free[len(begun) :]
