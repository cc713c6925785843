"""The one interaction loop: demonstrations, evaluations and tests all play through `play`.

Actor       -- what plays: batched over rows
play(...)   -- each seed exactly once, on as many environments as there are

A row is an agent of an environment. An environment's rows stand beside each other in its agents' order, begin together and leave
together; there is one where there is one agent.

Stopping at a number of steps would favour short episodes; here every seed's episode runs to its end. A free environment takes
the next seed. When a quarter of them have nothing left to do they are dropped from the actor's batch.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import gymnasium
import numpy as np

from understudy.environments.parallel import ParallelEnvironment
from understudy.episode import NO_OPTION, Episode
from understudy.step import Decision, Step

NOISE_STREAM = 1
BUSY_SHARE = 0.75
FIRST_LINES = 1024

Environment = gymnasium.Env | ParallelEnvironment


class Actor(Protocol):
    """A policy that acts for B rows at once; B environments x agents, S observation components, A action dimensions."""

    def start(self, num_rows: int) -> None:
        """Prepare for a batch of `num_rows` rows; every row is reset before it acts."""

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        """Forget the past of `rows` (R,) int64, where episodes with these `seeds` (R,) int64 begin."""

    def keep(self, rows: np.ndarray) -> None:
        """Go on with `rows` alone; row i of the next call is what was row rows[i]."""

    def act(self, step: Step[np.ndarray]) -> Decision[np.ndarray]:
        """Decide for all rows, all in the environment's units."""


class _Log:
    """What happened in E environments, a line a pass of the loop: a step makes no Python objects; episodes are cut out."""

    def __init__(self, num_environments: int) -> None:
        self.columns: dict[str, np.ndarray] = {}  # (passes, E, ...)
        self.begun = np.zeros(num_environments, dtype=np.int64)
        self.length = 0

    def add(self, **values: np.ndarray) -> None:
        """Write the next line: values (E, ...) by column."""
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

    def cut(self, place: int) -> dict[str, np.ndarray]:
        """The columns (T, ...) of an environment's episode, which has ended with the last line; the next one begins there."""
        columns = {name: column[self.begun[place] : self.length, place].copy() for name, column in self.columns.items()}
        self.begun[place] = self.length
        return columns

    def keep(self, places: np.ndarray) -> None:
        """Go on with the environments at `places` alone."""
        self.columns = {name: column[:, places] for name, column in self.columns.items()}
        self.begun = self.begun[places]


class _Environments:
    """E environments and the episodes that are under way in them; one without holds its last observation.

    What is kept of them has the shape (E, ...), or (E, N, ...) where they have N > 1 agents.
    """

    def __init__(
        self, environments: Sequence[Environment], seeds: Sequence[int], actors: list[Actor], chance: float
    ) -> None:
        self.environments, self.actors, self.chance = list(environments), actors, chance
        self.waiting = iter(seeds)
        self.seeds = np.full(len(environments), -1)
        self.noise = [np.random.default_rng(0)] * len(environments)  # an episode's own takes its place
        self.num_agents = environments[0].num_agents if isinstance(environments[0], ParallelEnvironment) else 1
        self.agents: tuple[int, ...] = (self.num_agents,) if self.num_agents > 1 else ()
        rows = (len(environments), *self.agents)
        self.observations = np.zeros((*rows, *(environments[0].observation_space.shape or ())), np.float32)
        self.active = np.zeros(len(environments), dtype=bool)
        vector = environments[0].action_space.shape or ()
        self.previous_actions = np.zeros((*rows, *vector), np.float32 if vector else np.int64)
        self.previous_rewards = np.zeros(rows, np.float32)
        self.is_first = np.ones(rows, dtype=bool)
        self.log = _Log(len(environments))
        for actor in actors:
            actor.start(len(environments) * self.num_agents)

    def begin(self, free: np.ndarray) -> None:
        """Give the free ones the next seeds; those for which none is left become idle, and leave where they are too many."""
        begun = []
        for place, seed in zip(free, self.waiting):  # noqa: B905 -- either may run out first
            self.seeds[place] = seed
            if self.chance > 0:
                self.noise[place] = np.random.default_rng([seed, NOISE_STREAM])
                # Not `seed` itself: the environment draws its initial state from the very same stream of numbers.
                self.environments[place].action_space.seed(int(self.noise[place].integers(2**31)))
            self.observations[place] = self.environments[place].reset(seed=seed)[0]
            begun.append(place)
        self.previous_actions[begun], self.previous_rewards[begun], self.is_first[begun] = 0, 0, True
        self.active[free] = False
        self.active[begun] = True
        if begun:
            for actor in self.actors:
                actor.reset(self._rows(np.asarray(begun)), self.seeds[begun].repeat(self.num_agents))
        if 0 < self.active.sum() <= BUSY_SHARE * len(self.active):
            self._keep(np.flatnonzero(self.active))

    def _rows(self, places: np.ndarray) -> np.ndarray:
        """The actors' rows of the environments at `places`."""
        return (places[:, None] * self.num_agents + np.arange(self.num_agents)).reshape(-1)

    def _keep(self, places: np.ndarray) -> None:
        self.environments = [self.environments[place] for place in places]
        self.noise = [self.noise[place] for place in places]
        for name in ("seeds", "active", "observations", "previous_actions", "previous_rewards", "is_first"):
            setattr(self, name, getattr(self, name)[places])
        self.log.keep(places)
        for actor in self.actors:
            actor.keep(self._rows(places))

    def told(self) -> Step[np.ndarray]:
        """What the actors are told of all rows, (E * N, ...); copies, since the environments write to theirs."""
        observations = self.observations.copy()
        return Step(
            observations.reshape(-1, observations.shape[-1]),
            self.previous_actions.reshape(-1, *self.previous_actions.shape[1 + len(self.agents) :]),
            self.previous_rewards.reshape(-1),
            self.is_first.reshape(-1),
        )

    def of_rows(self, values: np.ndarray) -> np.ndarray:
        """What an actor says of its rows (E * N, ...) in the shape of the environments."""
        return values.reshape(len(self.active), *self.agents, *values.shape[1:])

    def with_noise(self, actions: np.ndarray) -> np.ndarray:
        """The actions, each agent's exchanged for a random one with the given chance."""
        if self.chance == 0:
            return actions
        executed = actions.copy()
        for place in np.flatnonzero(self.active):
            for agent in np.ndindex(self.agents):
                if self.noise[place].random() < self.chance:
                    executed[(place, *agent)] = self.environments[place].action_space.sample()
        return executed

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, dict[int, tuple[bool, bool]]]:
        """Execute actions (E, ...); returns the rewards (E,) or (E, N) and, where episodes ended, the two flags."""
        rewards, ended = np.zeros((len(actions), *self.agents), np.float32), {}
        executed = actions.tolist() if actions.ndim == 1 + len(self.agents) else list(actions)
        for place in np.flatnonzero(self.active).tolist():
            following, rewards[place], terminated, truncated, _ = self.environments[place].step(executed[place])
            self.observations[place] = following
            if terminated or truncated:
                ended[place] = (bool(terminated), bool(truncated))
        self.previous_actions, self.previous_rewards = actions.copy(), rewards.copy()
        self.is_first = np.zeros_like(self.is_first)
        return rewards, ended

    def episode(self, place: int, terminated: bool, truncated: bool) -> Episode:
        """The episode at `place`, which has ended with the last step; its columns are cut out of the log."""
        return Episode(
            int(self.seeds[place]),
            **self.log.cut(place),
            final_observation=self.observations[place].copy(),
            terminated=terminated,
            truncated=truncated,
            player=0,
        )


def play(
    actor: Actor,
    environments: Sequence[Environment],
    seeds: Sequence[int],
    *,
    demonstrator: Actor | None = None,
    noise: float = 0.0,
    on_episode: Callable[[], None] = lambda: None,
) -> list[Episode]:
    """Play one whole episode for each seed and return them in the order of `seeds`.

    Args:
        actor: chooses the actions.
        environments: all of the same kind, and so with as many agents.
        seeds: of the episodes, each played exactly once.
        demonstrator: says at every step what it would have done; None takes what the actor chose.
        noise: chance that an agent's step executes a random action instead. It derives from the episode's seed alone.
        on_episode: called after each finished episode.
    """
    if not len(seeds):
        return []
    actors = [actor] if demonstrator is None else [actor, demonstrator]
    running = _Environments(environments[: len(seeds)], seeds, actors, noise)
    running.begin(np.arange(len(running.active)))
    finished: dict[int, Episode] = {}
    while running.active.any():
        step = running.told()
        decision = actor.act(step)
        actions, options = running.of_rows(decision.actions), decision.options
        demonstrated = actions if demonstrator is None else running.of_rows(demonstrator.act(step).actions)
        executed = running.with_noise(actions)
        rewards, ended = running.step(executed)
        running.log.add(
            observations=running.of_rows(step.observation),
            actions=executed,
            demonstrated_actions=demonstrated,
            rewards=rewards,
            options=np.full(rewards.shape, NO_OPTION, np.int16)
            if options is None
            else running.of_rows(options.astype(np.int16)),
        )
        for place, (terminated, truncated) in ended.items():
            episode = running.episode(place, terminated, truncated)
            finished[episode.seed] = episode
            on_episode()
        if ended:
            running.begin(np.asarray(list(ended)))
    return [finished[seed] for seed in seeds]
