"""A demonstrator of Gymnasium's MountainCar-v0, which pushes whichever way the car moves: up the hill in about 120 steps.

studies/generalist/transfer uses it.

act(observation) -- its action: 0 pushes to the left, 2 to the right
"""

import numpy as np

LEFT, RIGHT = 0, 2


def act(observation: np.ndarray) -> int:
    """The push for an observation (2,): position, velocity."""
    return RIGHT if observation[1] >= 0 else LEFT
