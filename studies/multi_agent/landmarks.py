"""How often each agent has a landmark of its own at the last step: prints a line for each policy that played in this study.

python ../../pipeline/run.py landmarks.py
"""

import sys
from pathlib import Path

import numpy as np

from understudy.errors import DataError, ParameterError
from understudy.params.whole import load_params
from understudy.rollouts.parquet import Recording, read_recording


def shared_out(recording: Recording) -> float:
    """Share of the episodes at whose last step no two agents are nearest to the same landmark."""
    agents, components = recording.spec.num_agents, recording.spec.components
    if "landmark_0_x" not in components:
        raise DataError(f"data/evaluation: expected observations of landmarks, got {', '.join(components)}")
    first = components.index("landmark_0_x")
    last_rows = recording.offsets[1:, None] - agents + np.arange(agents)  # (episodes, agents)
    ways = recording.steps["observation"][last_rows, first : first + 2 * agents]
    distances = np.linalg.norm(ways.reshape(*last_rows.shape, agents, 2), axis=-1)
    nearest = np.sort(distances.argmin(axis=-1), axis=-1)
    return float((nearest == np.arange(agents)).all(axis=-1).mean())


def main() -> None:
    params = load_params(Path("params.yaml"))
    for name in (
        "expert",
        *(f"{name}/seed_{seed}" for name in params.policies.names for seed in params.training.seeds),
    ):
        print(f"{name:20} {100 * shared_out(read_recording(Path('data/evaluation') / name)):5.1f} %")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"landmarks: {error}")
