"""`make environments`: the whole pipeline at small size in environments of every kind, each in a copy; a line each.

Choices and vectors observed, choices and vectors done; states in numbers, of several parts, of named parts; physics by MuJoCo.
What is not installed is named and left out. An expert that has not become better than random is refused by its stage, so each
runs long enough for that and no longer: the scores say that the pipeline runs, not how good its students can get.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.contracts.small_pipeline import copy_project, environment, set_params

SAC = {"expert.algorithm": "sac", "expert.sac.learning_starts": 1000, "expert.sac.buffer_size": 20000}
ENVIRONMENTS = {
    "FrozenLake-v1": {"environment.kwargs": {"is_slippery": False}, "expert.total_steps": 40960},
    "Taxi-v4": {"expert.total_steps": 122880, "expert.hidden_sizes": [64]},
    "Blackjack-v1": {"expert.total_steps": 40960, "rollouts.episodes": 60, "evaluation.episodes": 200},
    "BipedalWalker-v3": {"expert.total_steps": 204800, "expert.hidden_sizes": [64, 64]},
    "InvertedPendulum-v5": {"expert.total_steps": 40960},
    "HalfCheetah-v5": {**SAC, "expert.total_steps": 6000, "expert.hidden_sizes": [64, 64]},
    "gymnasium_robotics:PointMaze_UMazeDense-v3": {"expert.total_steps": 122880, "expert.hidden_sizes": [64, 64]},
}


def run(environment_id: str, changes: dict[str, object]) -> str:
    """Run the pipeline; what came of it in a line."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        more = {"training.steps": 100, "training.evaluate_every": 50, "environment.id": environment_id}
        set_params(Path(folder), {**more, **changes})
        variables = environment() | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}  # where libraries may lie
        done = subprocess.run(("dvc", "repro"), cwd=folder, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if ": expected" in line]
            return f"FAILED: {said[0] if said else done.stderr[-2000:]}"
        summary = json.loads((Path(folder) / "metrics/summary.json").read_text())
        page = (Path(folder) / "metrics/report.html").read_text()
    returns = ", ".join(f"{name} {entry['return_mean']:.1f}" for name, entry in summary.items())
    drawn = "drawn" if "data:image/webp" in page else page[(at := page.index("Not drawn")) : page.index("<", at)]
    return f"{time.monotonic() - began:.0f} s; {returns}; {drawn}"


def main() -> None:
    failed = 0
    chosen = sys.argv[1:] or list(ENVIRONMENTS)
    for environment_id in chosen:
        said = run(environment_id, ENVIRONMENTS[environment_id])
        missing = "not installed" in said or "No module named" in said
        failed += said.startswith("FAILED") and not missing
        print(f"{environment_id}: {said}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
