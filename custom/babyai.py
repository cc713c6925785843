"""BabyAI's levels (Chevalier-Boisvert et al., 2019) as vectors, and the bot that solves them.

Needs minigrid, the extra `tasks`. studies/generalist uses it.

MissionFilter    -- a wrapper of `minigrid:BabyAI-...-v0`: levels whose mission names, or does not name, certain objects
GridAndMission   -- a wrapper around it, or around the level itself
act(observation) -- the bot, who has said in `advice`, which students must not see, what it would do
"""

import io
from contextlib import redirect_stdout
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX
from minigrid.utils.baby_ai_bot import BabyAIBot, DisappearedBoxError

VIEW = 7  # cells that are seen ahead, and across
OBJECTS = ("unseen", "empty", "wall", "door", "key", "ball", "box")
COLOURS = tuple(COLOR_TO_IDX)
PAIRS = tuple(f"{colour} {thing}" for colour in COLOURS for thing in ("ball", "box", "key"))  # that missions name
STATES = 3  # of a door: open, closed, locked
WORDS = (
    *("go", "to", "pick", "up", "put", "next", "open", "the", "a", "you", "your", "on", "in", "front", "of", "behind"),
    *("left", "right", "object", "door", "key", "ball", "box", *COLOURS),
)
DONE = 6  # the action that says that nothing is left to do
SMALLEST_TILE = 3  # pixels, with which all objects of all colours look different
MOST_DRAWS = 1000  # of levels at a reset, until one has a mission that is wanted


class MissionFilter(gymnasium.Wrapper[dict[str, Any], int, dict[str, Any], int]):
    """Levels of some missions alone: further ones are drawn, from the seed's own numbers, until a mission is wanted.

    Args:
        environment: a level.
        only: pairs of a colour and an object such as "red ball", of which a mission has to name one; None where it may name any.
        without: pairs of which it may name none.

    Raises:
        ValueError: a pair does not exist, or neither is given or both are; at a reset, where MOST_DRAWS levels have others.
    """

    def __init__(
        self, environment: gymnasium.Env[Any, Any], only: list[str] | None = None, without: list[str] | None = None
    ) -> None:
        super().__init__(environment)
        if (only is None) == (without is None):
            raise ValueError(f"expected either only or without, got {only} and {without}")
        self.pairs, self.wanted = list(without if only is None else only), only is not None
        for pair in self.pairs:
            if pair not in PAIRS:
                raise ValueError(f"expected pairs of a colour and an object, such as {PAIRS[0]!r}, got {pair!r}")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The first level with a mission that is wanted, of those that follow from the seed."""
        for _ in range(MOST_DRAWS):
            observed, info = self.env.reset(seed=seed, options=options)
            if any(pair in observed["mission"] for pair in self.pairs) == self.wanted:
                return observed, info
            seed = None  # the next level, not the same once more
        kind = "that names" if self.wanted else "without"
        raise ValueError(
            f"mission: expected one {kind} {' or '.join(self.pairs)} among {MOST_DRAWS} levels,"
            f" got none, at last {observed['mission']!r}"
        )


class GridAndMission(gymnasium.Wrapper[dict[str, np.ndarray], int, dict[str, Any], int]):
    """What is seen of the grid and what is to be done, each cell, word and direction as one of so many.

    Observations, in the order in which they are flattened: `advice`, the number of the action that the bot would take;
    `direction` (4,), where the agent faces; `grid` (7 * 7 * 16,), of each cell its object, colour and state; `mission`
    (most_words * words,), which word stands at each place. With a `tile_size` not `grid`, but at last `pixels`
    (7 * tile_size * 7 * tile_size * 3,), the same view as a picture, each number from 0 to 255.

    A bot that has lost its way, as after some mistakes of whoever acts, advises to do nothing, and the level's limit of steps
    ends the episode: `rollouts.minimum_return` drops and counts such demonstrations.

    Args:
        environment: a level.
        most_words: of a mission.
        tile_size: pixels along a cell; None for cells in place of pixels.

    Raises:
        ValueError: a tile has not even 3 pixels; at a reset, where a mission has more words, or one that is not known.
    """

    def __init__(self, environment: gymnasium.Env[Any, Any], most_words: int = 9, tile_size: int | None = None) -> None:
        super().__init__(environment)
        if tile_size is not None and tile_size < SMALLEST_TILE:
            raise ValueError(f"tile_size: expected at least {SMALLEST_TILE} pixels, got {tile_size}")
        self.most_words, self.tile_size = most_words, tile_size
        cells = VIEW * VIEW * (len(OBJECTS) + len(COLOURS) + STATES)
        parts: dict[str, spaces.Space[Any]] = {
            "advice": spaces.Box(0.0, float(DONE), ()),
            "direction": spaces.Box(0.0, 1.0, (4,)),
            "mission": spaces.Box(0.0, 1.0, (most_words * len(WORDS),)),
        }
        if tile_size is None:
            parts["grid"] = spaces.Box(0.0, 1.0, (cells,))
        else:
            parts["pixels"] = spaces.Box(0.0, 255.0, (3 * (VIEW * tile_size) ** 2,))
        self.observation_space = spaces.Dict(parts)
        self.bot: BabyAIBot | None = None
        self.mission = np.zeros(0, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Another level, whose mission is encoded once."""
        with redirect_stdout(io.StringIO()):  # minigrid prints each placing of objects that it rejects
            observed, info = self.env.reset(seed=seed, options=options)
        self.mission = encode_mission(observed["mission"], self.most_words)
        self.bot = BabyAIBot(self.env.unwrapped)
        return self._observe(observed, self._advice(None)), info

    def step(self, action: int) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Act, and ask the bot what it would do next."""
        observed, reward, terminated, truncated, info = self.env.step(int(action))
        advice = DONE if terminated or truncated else self._advice(int(action))
        return self._observe(observed, advice), float(reward), terminated, truncated, info

    def _advice(self, action_taken: int | None) -> int:
        if self.bot is None:
            return DONE
        try:
            return int(self.bot.replan(action_taken))
        # The bot gives up where somebody does what it would not: it asserts, or raises its own error where a box is opened, or
        # reads a place that its plan no longer has. Any other error is a fault, not bad luck.
        except (AssertionError, DisappearedBoxError, IndexError):
            self.bot = None
            return DONE

    def _observe(self, observed: dict[str, Any], advice: int) -> dict[str, np.ndarray]:
        seen = {"grid": encode_grid(observed["image"])} if self.tile_size is None else {"pixels": self._draw()}
        return {
            "advice": np.asarray(advice, np.float32),
            "direction": np.eye(4, dtype=np.float32)[observed["direction"]],
            "mission": self.mission,
            **seen,
        }

    def _draw(self) -> np.ndarray:
        level: Any = self.env.unwrapped
        return level.get_frame(tile_size=self.tile_size, agent_pov=True).astype(np.float32).reshape(-1)


def encode_grid(image: np.ndarray) -> np.ndarray:
    """Each cell's object, colour and state as one of so many, (7 * 7 * 16,) float32, of minigrid's numbers (7, 7, 3)."""
    known = np.zeros(max(OBJECT_TO_IDX.values()) + 1, np.int64)  # others, such as the agent itself, count as unseen
    known[[OBJECT_TO_IDX[name] for name in OBJECTS]] = np.arange(len(OBJECTS))
    parts = (
        np.eye(len(OBJECTS), dtype=np.float32)[known[image[..., 0]]],
        np.eye(len(COLOURS), dtype=np.float32)[image[..., 1]],
        np.eye(STATES, dtype=np.float32)[image[..., 2]],
    )
    return np.concatenate(parts, axis=-1).reshape(-1)


def encode_mission(mission: str, most_words: int) -> np.ndarray:
    """Which word stands at each place, (most_words * words,) float32; zero after the last.

    Raises:
        ValueError: there are more words, or one is not known.
    """
    words = mission.replace(",", " ").split()
    if len(words) > most_words:
        raise ValueError(f"mission: expected at most {most_words} words, got {mission!r}")
    places = np.zeros((most_words, len(WORDS)), np.float32)
    for place, word in enumerate(words):
        if word not in WORDS:
            raise ValueError(f"mission: expected words among {', '.join(WORDS)}, got {word!r}")
        places[place, WORDS.index(word)] = 1.0
    return places.reshape(-1)


def act(observation: np.ndarray) -> int:
    """What the bot advises; observation of a flattened GridAndMission."""
    return int(observation[0])
