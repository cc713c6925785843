"""Episodes drawn: played by a policy, or again from their recording.

RenderedAgents                -- several agents, drawn
RenderedEnvironment           -- draws when it is asked to, and steps as an environment that does not draw
replay(episode, spec, where)  -> frames of a recorded episode, held against the recorded rewards
fly(trained, seed, play)      -> an episode of a policy, as the evaluation plays it
"""

import os
from collections.abc import Container, Iterator
from contextlib import closing
from typing import Any

import gymnasium
import numpy as np

from understudy.environments.make import make_again, make_environment
from understudy.environments.parallel import ParallelEnvironment
from understudy.environments.play import play as play_episodes
from understudy.episode import UNKNOWN_SEED, Episode
from understudy.errors import DataError
from understudy.policies.actor import PolicyActor
from understudy.policies.files import TrainedPolicy
from understudy.spec import EnvironmentSpec

TOLERANCE = 1e-4  # of a reward, by which it may differ from the recorded one


class RenderedEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment that was made without rendering, and draws all the same: in LunarLander what is drawn pushes the lander.

    Where an environment cannot draw so, one that was made for drawing is played beside it with the same actions.
    """

    def __init__(self, spec: EnvironmentSpec) -> None:
        environment = make_again(spec)
        assert isinstance(environment, gymnasium.Env)
        super().__init__(environment)
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            os.environ.setdefault(
                "MUJOCO_GL", "egl"
            )  # MuJoCo else looks for a window, and ends the process where it finds none
        self.of = spec
        self.beside: gymnasium.Env[Any, Any] | None = None

    @property
    def render_mode(self) -> str | None:  # type: ignore[override]  # as in gymnasium's own Wrapper
        """What those who draw ask for."""
        return "rgb_array"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if self.beside is not None:
            self.beside.reset(seed=seed, options=options)
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        if self.beside is not None:
            self.beside.step(action)
        return self.env.step(action)

    def render(self) -> np.ndarray:
        """The present state, (height, width, 3) uint8.

        Raises:
            DataError: the environment draws nothing.
        """
        frame = _drawn(self.env.unwrapped if self.beside is None else self.beside)
        if not isinstance(frame, np.ndarray):
            raise DataError(
                f"{self.of.environment_id}: expected an environment that draws itself, got {frame or 'none'}"
            )
        return frame

    def prepare(self, seed: int) -> None:
        """Find out how the environment can draw; `reset` comes after it."""
        self.env.reset(seed=seed)
        if isinstance(_drawn(self.env.unwrapped), np.ndarray):
            return
        kwargs = {**self.of.kwargs, "render_mode": "rgb_array"}
        try:
            made = make_environment(self.of.environment_id, kwargs, self.of.wrappers)
            made.reset(seed=seed)
        except Exception as error:  # some start what draws as they are made, and fail in their own ways
            raise DataError(
                f"{self.of.environment_id}: expected an environment that draws itself, got: {error}"
            ) from None
        assert isinstance(made, gymnasium.Env)
        self.beside = made

    def close(self) -> None:
        if self.beside is not None:
            self.beside.close()
        self.env.close()


class RenderedAgents:
    """An environment of several agents that was made for drawing."""

    def __init__(self, spec: EnvironmentSpec) -> None:
        made = make_environment(spec.environment_id, {**spec.kwargs, "render_mode": "rgb_array"})
        assert isinstance(made, ParallelEnvironment)
        self.of, self.made = spec, made
        self.reset, self.step, self.close = made.reset, made.step, made.close

    def prepare(self, seed: int) -> None:
        """Nothing to find out: it has been made for drawing."""

    def render(self) -> np.ndarray:
        """The present state, (height, width, 3) uint8.

        Raises:
            DataError: the environment draws nothing.
        """
        frame = self.made.environment.render()
        if not isinstance(frame, np.ndarray):
            raise DataError(f"{self.of.environment_id}: expected an environment that draws itself, got none")
        return frame


def _drawn(environment: gymnasium.Env[Any, Any]) -> Any:
    """What an environment draws, whatever it was made for; else what hindered it, in words."""
    bare = environment.unwrapped
    before = bare.render_mode
    bare.render_mode = "rgb_array"
    try:
        return bare.render()
    except Exception as error:  # what an environment does that was not made for drawing is its own affair
        return f"{type(error).__name__}: {error}"
    finally:
        bare.render_mode = before


def replay(
    episode: Episode, spec: EnvironmentSpec, where: str, shown: Container[int] | None = None
) -> Iterator[np.ndarray]:
    """The frame before each step of a recorded episode, and that after the last one.

    Args:
        episode: what was recorded.
        spec: of its environment.
        where: what messages begin with.
        shown: the steps to draw, T the end; None draws all.

    Raises:
        DataError: its seed is not known, the environment draws nothing, or pays other rewards than the recorded ones.
    """
    if episode.seed == UNKNOWN_SEED:
        raise DataError(f"{where}: expected an episode whose seed is known, got one that was imported without")
    with closing(RenderedAgents(spec) if spec.num_agents > 1 else RenderedEnvironment(spec)) as environment:
        environment.prepare(episode.seed)
        environment.reset(seed=episode.seed)
        for step, (action, reward) in enumerate(zip(episode.actions, episode.rewards, strict=True)):
            if shown is None or step in shown:
                yield environment.render()
            paid = np.asarray(environment.step(action.tolist() if spec.discrete_actions else action)[1])
            if not np.allclose(paid, reward, TOLERANCE, TOLERANCE):
                raise DataError(
                    f"{where}: expected the recorded reward {reward.mean():.4f} at step {step}, got {paid.mean():.4f}:"
                    f" {spec.environment_id} is another version here, or does not follow from its seed"
                )
        if shown is None or episode.length in shown:
            yield environment.render()


def fly(trained: TrainedPolicy, seed: int, play: dict[str, Any]) -> Episode:
    """One episode of a policy, with its likeliest actions."""
    environment = make_again(trained.task.environment)
    with closing(environment):
        [episode] = play_episodes(PolicyActor(trained, play), [environment], [seed])
    return episode
