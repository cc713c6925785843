"""How much, and for how long at a time, options are used."""

from typing import Any

import numpy as np


def describe_usage(options: np.ndarray, starts: np.ndarray, num_options: int) -> dict[str, Any]:
    """How options (N,) are used, where `starts` (N,) bool marks the first step of each episode.

    Returns:
        usage: share of the steps, a list of num_options. entropy: of the usage, in nats. median_dwell: steps an option is
        held, median over stretches. switch_rate: switches a step, episode starts not counted.
    """
    usage = np.bincount(options, minlength=num_options) / len(options)
    used = usage[usage > 0]
    begins = starts.copy()
    begins[1:] |= options[1:] != options[:-1]
    dwell = np.diff(np.concatenate([np.flatnonzero(begins), [len(options)]]))
    return {
        "usage": [round(float(share), 6) for share in usage],
        "entropy": float(-(used * np.log(used)).sum()),
        "median_dwell": float(np.median(dwell)),
        "switch_rate": float((begins & ~starts).sum() / len(options)),
    }
