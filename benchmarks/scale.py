"""Recordings of 0.5 to 50 million steps: seconds and peak memory of building a store from one, and of training on it.

Run from the root of the repository: python benchmarks/scale.py [largest number of steps, default 50e6]
Needs about 100 bytes of disk a step in the folder for temporary files. Steps are random, of LunarLander's sizes, in episodes of
about 200. Building and training are the stage programs, training with the default decoder for a few batches; every phase
is a process of its own, whose peak memory is what the system says of it when it ends.
A batch is one of 32 chunks of 64 steps; those of a store alternate with those of the smallest in one process, in whole epochs.
Writes benchmarks/results/scale.json and benchmarks/figures/scale.png, and prints a table.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGES = ROOT / "pipeline/run.py"
SIZES = (500_000, 1_500_000, 5_000_000, 15_000_000, 50_000_000)
DISK_BYTES_A_STEP = 100
MEMORY_LIMIT = 1500
MEGABYTE = 1e6
ROUNDS, BATCHES = (3, 30), 50
CHANGES = {
    ("sequences", "validation_fraction"): 0.001,  # so that training is not mostly looks at held-out episodes
    ("training", "steps"): BATCHES,
    ("training", "evaluate_every"): BATCHES,
    ("training", "threads"): 1,
}


def record(folder: Path, steps: int) -> None:
    """Write a recording of so many random steps."""
    import numpy as np

    from understudy.episode import NO_OPTION, Episode
    from understudy.rollouts.parquet import write_recording
    from understudy.spec import EnvironmentSpec

    names = ("x", "y", "vx", "vy", "angle", "angular_velocity", "left_leg", "right_leg")
    spec = EnvironmentSpec("LunarLander-v3", {}, names, 4, None, None, 200.0)
    generator = np.random.default_rng(0)

    def episodes():
        left = steps
        while left:
            length = min(left, int(generator.integers(100, 301)))
            observations = generator.standard_normal((length + 1, len(names)), dtype=np.float32)
            actions = generator.integers(4, size=length)
            rewards = generator.standard_normal(length, dtype=np.float32)
            options = np.full(length, NO_OPTION, np.int16)
            end = observations[-1]
            yield Episode(left, observations[:-1], actions, actions, rewards, options, end, True, False)
            left -= length

    write_recording(folder, spec, "random", episodes())


def compare_batches(small: Path, large: Path) -> dict[str, float]:
    """Milliseconds of opening both stores and of a batch of each; medians over rounds, epochs from first to last batch."""
    from understudy.models.action_transformer import ActionTransformer
    from understudy.sequences.dataset import SequenceDataset
    from understudy.sequences.store import open_sequences

    opening = {}
    for name, folder in (("small", small), ("large", large)):
        times = [seconds(lambda folder=folder: open_sequences(folder, "train")) for _ in range(21)]
        opening[name] = 1e3 * statistics.median(times)
    reads = ActionTransformer.reads
    datasets = [SequenceDataset(open_sequences(folder, "train"), 64, 32, reads) for folder in (small, large)]
    epochs = max(1, round(datasets[1].sequences.num_steps / datasets[0].sequences.num_steps))
    rounds = []
    for number in range(min(ROUNDS[1], max(ROUNDS[0], SIZES[-1] // datasets[1].sequences.num_steps))):
        of_small = [milliseconds_a_batch(datasets[0], number * epochs + epoch) for epoch in range(epochs)]
        rounds.append((statistics.mean(of_small), milliseconds_a_batch(datasets[1], number)))
    return {
        "open_ms": opening["large"],
        "batch_ms": statistics.median(large for _, large in rounds),
        "batch_ratio": statistics.median(large / small for small, large in rounds),
    }


def seconds(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def milliseconds_a_batch(dataset, epoch: int) -> float:
    begun = time.perf_counter()
    count = sum(1 for _ in dataset.shuffled(0, epoch))
    return 1e3 * (time.perf_counter() - begun) / count


def run(folder: Path, *command) -> tuple[float, float, float, str]:
    """Seconds, those of the processor, peak memory in megabytes, and what a command run in `folder` printed."""
    begun = time.perf_counter()
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=folder, env=variables, stdout=subprocess.PIPE
    ) as process:
        printed = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    processor = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - begun, processor, usage.ru_maxrss * resource_unit() / MEGABYTE, printed


def resource_unit() -> int:
    """Bytes in a unit of ru_maxrss, which macOS counts in bytes and Linux in kibibytes."""
    return 1 if sys.platform == "darwin" else 1024


def measure(folder: Path, steps: int, smallest: Path) -> dict[str, float]:
    """All phases for one number of steps, in a new folder."""
    from ruamel.yaml import YAML

    (folder / "data/raw").mkdir(parents=True)
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    for (section, key), value in CHANGES.items():
        params[section][key] = value
    yaml.dump(params, folder / "params.yaml")
    run(folder, __file__, "record", folder / "data/raw", steps)
    row = {"steps": steps}
    row["build_s"], row["build_processor_s"], row["build_mb"], _ = run(folder, STAGES, "build_sequences")
    stores = (each / "data/processed/sequences" for each in (smallest, folder))
    _, _, row["batch_mb"], printed = run(folder, __file__, "batches", *stores)
    row |= json.loads(printed)
    row["train_s"], row["train_processor_s"], row["train_mb"], _ = run(
        folder, STAGES, "train_policy", "--policy", "decoder", "--seed", 0
    )
    row["store_mb"] = sum(path.stat().st_size for path in (folder / "data/processed/sequences").iterdir()) / MEGABYTE
    return row


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Seconds, milliseconds and megabytes against the number of steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    steps = [row["steps"] for row in rows]
    figure, (building, batches, memory) = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    building.loglog(steps, [row["build_s"] for row in rows], "o-", label="building, by the clock")
    building.loglog(steps, [row["build_processor_s"] for row in rows], "^-", label="building")
    slope = rows[-1]["build_processor_s"] / steps[-1]
    building.loglog(
        steps, [slope * count for count in steps], ":", color="grey", label=f"{1e6 * slope:.2f} s a million steps"
    )
    building.loglog(steps, [row["train_processor_s"] for row in rows], "s-", label=f"training, {BATCHES} batches")
    building.set_ylabel("seconds of the processor")
    batches.loglog(steps, [row["batch_ms"] for row in rows], "o-", label="a random batch, mean of an epoch")
    batches.loglog(steps, [row["open_ms"] for row in rows], "s-", label="opening the store")
    batches.set_ylim(0.01, 10)
    batches.set_ylabel("milliseconds")
    for name, label in (("build", "building"), ("batch", "batches of a whole epoch"), ("train", "training")):
        memory.loglog(steps, [row[f"{name}_mb"] for row in rows], "o-", label=label)
    memory.loglog(steps, [row["store_mb"] for row in rows], ":", color="grey", label="the store's size on disk")
    memory.axhline(MEMORY_LIMIT, color="black", linewidth=1, label="1.5 GB")
    memory.set_ylabel("peak memory, MB")
    for axes in (building, batches, memory):
        axes.set_xlabel("recorded steps")
        axes.legend(frameon=False, fontsize=8)
        axes.grid(alpha=0.3)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    sizes = [steps for steps in SIZES if steps <= float(sys.argv[1] if len(sys.argv) > 1 else SIZES[-1])]
    with tempfile.TemporaryDirectory() as name:
        folder, needed = Path(name), DISK_BYTES_A_STEP * (sizes[-1] + sizes[0])
        if (free := shutil.disk_usage(folder).free) < needed:
            raise SystemExit(f"{folder}: expected {needed / 1e9:.1f} GB free, got {free / 1e9:.1f}")
        rows = []
        columns = ["steps", "store, MB", "building, s", "of the processor, s", "MB", "opening, ms", "a batch, ms"]
        columns += ["of the smallest", "MB", "training, s", "of the processor, s", "MB"]
        print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
        for steps in sizes:
            row = measure(folder / str(steps), steps, folder / str(sizes[0]))
            rows.append(row)
            print(
                f"| {steps / 1e6:g} M | {row['store_mb']:.0f} | {row['build_s']:.1f} |"
                f" {row['build_processor_s']:.1f} | {row['build_mb']:.0f} |"
                f" {row['open_ms']:.2f} | {row['batch_ms']:.3f} | {row['batch_ratio']:.2f} | {row['batch_mb']:.0f} |"
                f" {row['train_s']:.1f} | {row['train_processor_s']:.1f} | {row['train_mb']:.0f} |",
                flush=True,
            )
            if steps != sizes[0]:
                shutil.rmtree(folder / str(steps))
    results = ROOT / "benchmarks/results/scale.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    draw(rows, ROOT / "benchmarks/figures/scale.png")


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        record(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["batches"]:
        print(json.dumps(compare_batches(Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()
