"""Episodes out of the Trajectory Transformer's imagination, from the first states of what was recorded. Writes imagined/.

They are drawn like the data, by the model of the first training seed.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from understudy.errors import DataError, ParameterError
from understudy.params.load import load_sections
from understudy.params.training import TrainingParams
from understudy.policies.files import load_trained
from understudy.policies.imagine import imagine
from understudy.rollouts.parquet import read_recording, write_recording
from understudy.utils.atomic import replace_folder

RUN, MODEL = Path("lander"), "tt"
LOADS = ("trajectory_transformer",)
EPISODES, STEPS = 105, 1000  # every fourth of the recorded episodes, so that all players' are among them


def main() -> None:
    """Imagine and write."""
    torch.set_num_threads(1)
    seed = load_sections(RUN / "params.yaml", {"training": TrainingParams})["training"].seeds[0]
    recorded = read_recording(RUN / "data/raw")
    policy = load_trained(RUN / "models" / MODEL / f"seed_{seed}")
    chosen = np.linspace(0, len(recorded.episodes["seed"]) - 1, EPISODES).astype(np.int64)
    starts = recorded.steps["observation"][recorded.offsets[chosen]]
    episodes = imagine(policy, starts, recorded.episodes["seed"][chosen], STEPS)
    with replace_folder(Path("imagined")) as folder:
        write_recording(folder, policy.task.environment, f"imagined by {MODEL}, seed {seed}", episodes)


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"dream: {error}")
