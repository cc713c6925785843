"""understudy play: a human at the keyboard becomes a demonstrator."""

import argparse
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from understudy.errors import DataError, ParameterError
from understudy.replay.frames import RenderedEnvironment
from understudy.sources.episodes import make_episode
from understudy.sources.recording import read_environment, write_recording
from understudy.spec import EnvironmentSpec

HELP = "play an environment at the keyboard, and record it as demonstrations"
EXAMPLE = (
    "understudy play LunarLander-v3 --out flights && understudy import flights --environment LunarLander-v3 --to mine"
)
# w up, s down, a left, d right; what no key asks for is the action 0.
KEYS: dict[str, dict[str, int]] = {
    "LunarLander": {"a": 1, "w": 2, "d": 3},
    "CartPole": {"a": 0, "d": 1},
    "MountainCar": {"a": 0, "s": 1, "d": 2},
    "Acrobot": {"a": 0, "s": 1, "d": 2},
    "FrozenLake": {"a": 0, "s": 1, "d": 2, "w": 3},
    "CliffWalking": {"w": 0, "d": 1, "s": 2, "a": 3},
    "Taxi": {"s": 0, "w": 1, "d": 2, "a": 3, "p": 4, "o": 5},
}
TURN_BASED = ("FrozenLake", "CliffWalking", "Taxi", "Blackjack")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("environment", metavar="ID", help="of Gymnasium, with choices as actions")
    parser.add_argument("--out", required=True, type=Path, help="folder of the recording, which must not exist yet")
    parser.add_argument("--keys", help="which key does what, such as a=1,w=2,d=3; known for some environments")
    parser.add_argument("--seed", type=int, default=0, help="of the first episode; the next one's is one more")
    parser.add_argument("--fps", type=int, help="steps a second; the environment's own where it is not given")
    parser.add_argument("--wait", action="store_true", help="take a step only while a key is pressed")


class RecordedEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Each reset takes the next seed; what is done until an episode ends is kept."""

    def __init__(self, environment: RenderedEnvironment, first_seed: int) -> None:
        super().__init__(environment)
        self.following, self.episodes = first_seed, list[dict[str, Any]]()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.now: dict[str, Any] = {"seed": self.following, "observations": [], "actions": [], "rewards": []}
        observation, info = self.env.reset(seed=self.following)
        self.now["observations"].append(np.array(observation))
        return observation, info

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        for name, value in (("actions", action), ("rewards", float(reward)), ("observations", np.array(observation))):
            self.now[name].append(value)
        if terminated or truncated:
            self.episodes.append(self.now | {"terminated": bool(terminated), "truncated": bool(truncated)})
            self.following += 1
            print(f"seed {self.now['seed']}: return {sum(self.now['rewards']):.1f}")
        return observation, reward, terminated, truncated, info


def run(arguments: argparse.Namespace) -> None:
    """Open a window, and write the episodes that were played to their end when it is closed."""
    spec = read_environment(arguments.environment)
    if not spec.discrete_actions:
        raise ParameterError(f"expected an environment of choices to play by keys, {spec.environment_id} has vectors")
    keys = keys_of(arguments.keys, spec)
    if arguments.out.exists():
        raise ParameterError(f"--out: expected a folder that does not exist yet, got {arguments.out}")
    if not (
        os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or os.environ.get("SDL_VIDEODRIVER")
        or os.name == "nt"
    ):
        raise ParameterError("expected a display to play on, found none")
    from gymnasium.utils.play import play

    rendered = RenderedEnvironment(spec)
    rendered.prepare(arguments.seed)
    environment = RecordedEnvironment(rendered, arguments.seed)
    labels = ", ".join(f"{key} {spec.action_labels[action]}" for key, action in keys.items())
    print(f"{labels}; close the window to end; an episode that has not ended by then is left out")
    waits = arguments.wait or spec.environment_id.startswith(TURN_BASED)
    with closing(environment):
        play(environment, keys_to_action=dict(keys), noop=0, fps=arguments.fps, wait_on_player=waits)
    if not environment.episodes:
        raise DataError("expected at least one episode to be played to its end, got none; nothing is written")
    episodes = [make_episode(spec, final_observation=None, **each) for each in environment.episodes]
    write_recording(arguments.out, spec, episodes, "a human")
    print(f"{len(episodes)} episodes are in {arguments.out}")


def keys_of(text: str | None, spec: EnvironmentSpec) -> dict[str, int]:
    """The action of each key.

    Raises:
        ParameterError: none are known for the environment, or the text does not say them.
    """
    name = spec.environment_id.partition("-")[0]
    if text is None:
        if name not in KEYS:
            raise ParameterError(f"--keys: expected such as a=0,d=1, since none are known for {spec.environment_id}")
        return KEYS[name]
    keys: dict[str, int] = {}
    for pair in text.split(","):
        key, _, action = pair.partition("=")
        if len(key) != 1 or not action.isdecimal() or int(action) >= spec.action_dim:
            raise ParameterError(f"--keys: expected a key and an action from 0 to {spec.action_dim - 1}, got {pair!r}")
        keys[key] = int(action)
    return keys
