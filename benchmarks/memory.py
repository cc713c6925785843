"""Peak memory and time of a training step against the length of its rows, at a fixed window of 20 steps.

Run from the root of the repository: python benchmarks/memory.py
Writes benchmarks/results/memory.json and benchmarks/figures/memory.png.
A step is forward, loss and backward of the default decoder on 4 rows, float32, one thread. Each point is a process of its own:
its memory is the process's peak resident size, as Linux tells it, less what it was before the first step, its time the median of
some steps, in processor time.
`one band` attends over whole rows under a mask, as if nothing were cut into bands; beyond 512 steps it is left out.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from understudy.models.action_transformer import ActionTransformer
from understudy.nn import attention, trunk
from understudy.sequences.batch import Batch

ROWS, STATE_DIM, ACTIONS, CONTEXT, STEPS_TIMED = 4, 8, 4, 20, 5
LENGTHS = (64, 128, 256, 512, 1024, 2048)
LONGEST = {"bands": 2048, "bands, checkpointing": 2048, "one band": 512}
FOLDER = Path(__file__).parent
COLUMNS = {"memory": "peak memory of a training step, MiB", "time": "processor time of a training step, ms"}
TICKS = {"memory": (10, 30, 100, 300, 1000), "time": (30, 100, 300, 1000)}


def one_band(steps, window, tokens_per_step, real=None):
    everything = slice(0, len(steps))
    return [attention.Band(everything, everything, attention.as_bias(attention.visible_mask(steps, window, real)))]


def draw_batch(length: int) -> Batch:
    actions, mask = torch.randint(ACTIONS, (ROWS, length)), torch.ones(ROWS, length, dtype=torch.bool)
    columns = {"observation": torch.randn(ROWS, length, STATE_DIM), "action": actions, "label": actions}
    columns["return_to_go"] = torch.randn(ROWS, length)
    return Batch(columns, torch.full((ROWS,), length), mask, mask)


def measure(kind: str, length: int) -> dict[str, float]:
    """One point, in this process: mebibytes and milliseconds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if kind == "one band":
        trunk.window_bands = one_band
    sizes = (STATE_DIM, ACTIONS, 128, 3, 4, 512, max(LENGTHS), True)
    model = ActionTransformer(*sizes, context=CONTEXT, gradient_checkpointing="checkpointing" in kind)

    def step(batch: Batch) -> float:
        begun = time.process_time()
        model.losses(batch, torch.Generator()).objective().backward()
        return 1e3 * (time.process_time() - begun)

    step(draw_batch(2))  # what the first step alone takes is not of its length
    batch, before = draw_batch(length), peak_memory()
    times = [step(batch) for _ in range(STEPS_TIMED)]
    return {"memory": peak_memory() - before, "time": statistics.median(times)}


def peak_memory() -> float:
    """Largest resident size of this process so far, MiB; what getrusage says may be that of the process that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def draw(points: list[dict], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, (column, label) in zip(axes, COLUMNS.items(), strict=True):
        for kind, marker in zip(LONGEST, "os^", strict=True):
            mine = [point for point in points if point["kind"] == kind]
            axis.plot([point["steps"] for point in mine], [point[column] for point in mine], marker=marker, label=kind)
        first = next(point for point in points if point["kind"] == "bands" and point["steps"] == 256)
        axis.plot(LENGTHS, [first[column] * length / 256 for length in LENGTHS], color="0.8", zorder=0, label="linear")
        axis.set(xscale="log", yscale="log", xlabel="steps in a row", ylabel=label, xticks=LENGTHS, xticklabels=LENGTHS)
        axis.set_yticks(TICKS[column], [str(tick) for tick in TICKS[column]])
        axis.minorticks_off()
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main() -> None:
    points = []
    print("| attention | steps | peak memory, MiB | KiB a step and row | time, ms |\n|---|---|---|---|---|")
    for kind, longest in LONGEST.items():
        for length in (length for length in LENGTHS if length <= longest):
            command = [sys.executable, __file__, kind, str(length)]
            point = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            points.append({"kind": kind, "steps": length} | point)
            share = 1024 * point["memory"] / (ROWS * length)
            print(f"| {kind} | {length} | {point['memory']:.0f} | {share:.0f} | {point['time']:.0f} |", flush=True)
    (FOLDER / "results").mkdir(exist_ok=True)
    (FOLDER / "figures").mkdir(exist_ok=True)
    (FOLDER / "results" / "memory.json").write_text(json.dumps(points, indent=1, sort_keys=True) + "\n")
    draw(points, FOLDER / "figures" / "memory.png")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
