"""Stage join_tasks: the sequences of several tasks become one store. Writes data/processed/sequences."""

from pathlib import Path

from understudy.params.tasks import TasksParams
from understudy.sequences.joined import join_stores
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

STORE = Path("data/processed/sequences")  # of each task below its folder, and of all


def work(tasks: TasksParams) -> None:
    weights = tasks.weights
    with replace_folder(STORE) as folder:
        joined = join_stores(folder, {name: Path(name) / STORE for name in tasks.names}, weights)
    for name, sequences in joined.items():
        share = weights[name] / sum(weights.values())
        print(f"{name}: {sequences.num_episodes} episodes, {sequences.num_steps} steps, {share:.2f} of each batch")


if __name__ == "__main__":
    run_stage(work, __doc__)
