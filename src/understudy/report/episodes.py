"""Episodes of a recording as small moving pictures, and what a policy thought in them, for the report.

best_median_worst(recording)    -- three of its episodes
small_film(episode, spec, where) -- WebP, as text that a page can hold
thoughts(trained, recording)    -- probabilities and values of some episodes, step after step
"""

import base64
import io
import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

from understudy.episode import Episode
from understudy.policies.files import TrainedPolicy
from understudy.replay.frames import replay
from understudy.replay.insight import look
from understudy.rollouts.parquet import Recording
from understudy.sequences.returns import returns_to_go
from understudy.spec import EnvironmentSpec

PICTURES, WIDTH, SECONDS = 24, 180, 4.0
QUALITY = 55
EPISODES = 20  # that are thought through


def best_median_worst(recording: Recording) -> dict[str, Episode]:
    """Its episodes of the highest, middle and lowest return; of equal returns the earliest."""
    order = np.argsort(-recording.episodes["return"], kind="stable")
    wanted = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    episodes = {index: each for index, each in enumerate(recording.as_episodes()) if index in wanted.values()}
    return {name: episodes[index] for name, index in wanted.items()}


def small_film(episode: Episode, spec: EnvironmentSpec, where: str) -> str:
    """A WebP of a few pictures, evenly over the episode, in base64.

    Raises:
        DataError, ParameterError: as `replay`.
    """
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # what draws by pygame looks for no screen then
    shown = np.unique(np.linspace(0, episode.length, PICTURES).round().astype(int)).tolist()
    pictures = [_smaller(frame) for frame in replay(episode, spec, where, set(shown))]
    durations = [max(20, round(1000 * SECONDS / len(pictures)))] * len(pictures)
    durations[-1] += 1000  # so that one sees how it ended
    file = io.BytesIO()
    first, *others = pictures
    first.save(file, "WEBP", save_all=True, append_images=others, duration=durations, loop=0, quality=QUALITY, method=2)
    return base64.b64encode(file.getvalue()).decode()


def _smaller(frame: np.ndarray) -> Image.Image:
    picture = Image.fromarray(frame)
    return picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)), Image.Resampling.BOX)


@dataclass(frozen=True)
class Thoughts:
    """N steps of a few episodes.

    Attributes:
        confidence: (N,) probability of the likeliest action; None where the policy gives none.
        right: (N,) whether the demonstrator would have done the same.
        values: (N,) raw return that the policy expected to come; None where it expects none.
        came: (N,) the return that came.
    """

    confidence: np.ndarray | None
    right: np.ndarray
    values: np.ndarray | None
    came: np.ndarray


def thoughts(trained: TrainedPolicy, recording: Recording) -> Thoughts:
    """What the policy thought in the first episodes of its own recording."""
    confidence, right, values, came = [], [], [], []
    for _, episode in zip(range(EPISODES), recording.as_episodes(), strict=False):
        insight = look(trained, episode, attention=False)
        came.append(returns_to_go(episode.rewards, np.asarray([0, episode.length])))
        if insight.probabilities is not None:
            confidence.append(insight.probabilities.max(1))
            right.append(insight.probabilities.argmax(1) == episode.demonstrated_actions)
        if insight.values is not None:
            values.append(insight.values)
    return Thoughts(
        np.concatenate(confidence) if confidence else None,
        np.concatenate(right) if right else np.zeros(0, bool),
        np.concatenate(values) if values else None,
        np.concatenate(came),
    )
