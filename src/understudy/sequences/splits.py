"""Which episodes train and which are held out.

split_episodes(...)      -- each episode on its own
split_groups(...)        -- episodes of a group together
read_groups(folder, by)  -- the group of each episode of a recording, from runs.json beside it
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from understudy.errors import DataError, ParameterError
from understudy.utils.jsonfile import read_json


def split_episodes(
    num_episodes: int, validation_fraction: float, demonstrations: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the held-out episodes, ascending, int64.

    The held-out ones are drawn first, so they stay the same for every number of `demonstrations`; ten demonstrations are
    among the first twenty. None takes all that are not held out.

    Raises:
        DataError: too few episodes to train on one and hold one out.
        ParameterError: more demonstrations than there are.
    """
    if num_episodes < 2:
        raise DataError(
            f"sequences: expected at least 2 episodes, one to train on and one to hold out, got {num_episodes}"
        )
    order = np.random.default_rng(seed).permutation(num_episodes)
    held_out = min(max(1, round(validation_fraction * num_episodes)), num_episodes - 1)
    available = num_episodes - held_out
    if demonstrations is not None and demonstrations > available:
        raise ParameterError(
            f"sequences.demonstrations: expected at most {available}, the episodes recorded and not held out,"
            f" got {demonstrations}"
        )
    training = order[held_out:][:demonstrations]
    return np.sort(training), np.sort(order[:held_out])


def split_groups(
    groups: Sequence[str], validation_fraction: float, demonstrations: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `split_episodes`, but the fraction is one of the groups, and episodes of a group are never divided.

    Args:
        groups: of each episode. The others are as there.

    Raises:
        DataError: fewer than two groups. ParameterError: more demonstrations than there are.
    """
    names, numbers = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        raise DataError(f"sequences: expected at least 2 groups, one to train on and one to hold out, got {len(names)}")
    _, held_out_groups = split_episodes(len(names), validation_fraction, None, seed)
    of_training = ~np.isin(numbers, held_out_groups)
    training = np.random.default_rng(seed).permutation(np.flatnonzero(of_training))
    if demonstrations is not None and demonstrations > len(training):
        raise ParameterError(
            f"sequences.demonstrations: expected at most {len(training)}, the episodes of groups that are not held out,"
            f" got {demonstrations}"
        )
    return np.sort(training[:demonstrations]), np.flatnonzero(~of_training)


def read_groups(folder: Path, by: str, num_episodes: int) -> list[str]:
    """The task or group, as `by` says, of each episode of the recording in `folder`.

    Raises:
        DataError: there is no runs.json, or it does not say it of each episode.
    """
    path = folder / "runs.json"
    groups = read_json(path).get(by)
    if not isinstance(groups, list) or len(groups) != num_episodes or not all(isinstance(each, str) for each in groups):
        raise DataError(f"{path}: expected the {by} of each of {num_episodes} episodes, got something else")
    return groups
