"""Seconds from the start of a stage's program to its first work: an optimizer step, an episode, a file's first piece.

Run from the root of the repository, after make repro: python benchmarks/startup.py
Each run is a process of its own in a copy of the pipeline's folders, and ends where the work would begin. Prints medians.
"""

import os
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from pkgutil import resolve_name

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
FIRST_WORK = {
    "code": ("understudy.code.stages", "describe_stages"),
    "train_expert": ("understudy.demonstrators.fast_ppo:FastPPO", "collect_rollouts"),
    "record_rollouts": ("understudy.environments.play:_Environments", "begin"),
    "build_sequences": ("understudy.sequences.build", "_writer"),
    "label_options": ("understudy.options.discovery", "step_features"),
    "select_columns": ("understudy.sequences.sources", "describe_columns"),
    "train_policy --policy decoder --seed 0": ("understudy.training.run:TrainingRun", "train_step"),
    "evaluate_references": ("understudy.environments.play:_Environments", "begin"),
    "evaluate_policy --policy decoder --seed 0": ("understudy.environments.play:_Environments", "begin"),
    "compare": ("understudy.evaluation.score:Evaluated", "__init__"),
}


def until_first_work(stage: str, begun: float) -> None:
    """Run a stage's program in this process; print the seconds since `begun` and end where its work begins."""

    def stop(*_, **__):
        os.write(1, f"{time.monotonic() - begun}\n".encode())  # at once, since two workers may get here together
        os._exit(0)

    owner, name = FIRST_WORK[stage]
    setattr(resolve_name(owner), name, stop)
    sys.argv = [str(ROOT / "pipeline/run.py"), *stage.split()]
    runpy.run_path(sys.argv[0], run_name="__main__")


def seconds(stage: str, folder: Path) -> float:
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, __file__, stage, str(time.monotonic())]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if not done.stdout:
        raise SystemExit(f"{stage}: expected to come to its first work, got: {done.stderr}")
    return float(done.stdout.splitlines()[0])


def main() -> None:
    print("| stage | to its first work, s |\n|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in filter(Path.exists, (ROOT / "data", ROOT / "models")):
            shutil.copytree(part, folder / part.name, copy_function=shutil.copyfile)
        shutil.copy(ROOT / "params.yaml", folder)
        for stage in FIRST_WORK:
            print(f"| {stage} | {statistics.median(seconds(stage, folder) for _ in range(ROUNDS)):.1f} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        until_first_work(sys.argv[1], float(sys.argv[2]))
    else:
        main()
