"""The return still to come, and the episodes that returned most."""

import numpy as np

from understudy.errors import DataError


def returns_to_go(rewards: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Undiscounted sum of rewards from each step to the end of its episode.

    Args:
        rewards: (N,) raw reward, episodes one after the other.
        offsets: (E + 1,) int64, where each begins.

    Returns:
        (N,) float64.
    """
    before = np.concatenate([[0.0], np.cumsum(rewards, dtype=np.float64)])
    at_end = np.repeat(before[offsets[1:]], np.diff(offsets))
    return at_end - before[:-1]


def best_episodes(returns: np.ndarray, num_agents: int, share: float) -> np.ndarray:
    """Numbers (K,) int64, ascending, of the share of the episodes with the highest returns: at least one; of equals the earlier.

    Args:
        returns: (E * num_agents,) raw reward of each sequence, those of an episode's agents neighbours.
        num_agents: of an episode, whose return is the mean of theirs.
        share: of the episodes, above 0, at most 1.

    Raises:
        DataError: there are several, which all returned the same, so that none is better than another.
    """
    of_episodes = returns.reshape(-1, num_agents).mean(axis=1)
    if share < 1 and len(of_episodes) > 1 and np.ptp(of_episodes) == 0:
        raise DataError(
            f"best_returns: expected episodes with different returns, of which {share:g} are learned from, got"
            f" {of_episodes[0]:g} of all {len(of_episodes)}"
        )
    count = max(1, round(share * len(of_episodes)))
    return np.sort(np.argsort(-of_episodes, kind="stable")[:count])
