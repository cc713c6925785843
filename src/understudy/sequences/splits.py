"""Which episodes train and which are held out."""

import numpy as np

from understudy.errors import DataError, ParameterError


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
