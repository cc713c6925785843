"""What the three kinds of attention cost against how far they look back: training a token, playing a step, memory of a row.

Run from the root of the repository: PYTHONPATH=src python -m benchmarks.linear_attention [--quick]
Writes results/linear_attention.json and .md and figures/linear_attention.png below benchmarks, or below benchmarks/quick, and
prints the table.
The model is the default decoder with fresh weights, two tokens a step, float32, one thread. Rows are as long as the context, so
that all three see the same: a training batch has as many tokens at every context, in fewer rows the longer they are; at play the
cache is as large as it gets. Times are of the processor. The kinds alternate in one process; figures are medians over the rounds.
A crossing is the context from which on a linear kind costs less than softmax attention, between two that were measured by a
straight line in logarithms.
"""

import argparse
import json
import math
import statistics
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from understudy.models.action_transformer import ActionTransformer
from understudy.nn.cache import KVCache
from understudy.nn.row_memory import RowMemory
from understudy.nn.trunk import Attention
from understudy.sequences.batch import Batch
from understudy.step import Step

KINDS = get_args(Attention)
CONTEXTS = (20, 64, 128, 256, 512, 1024, 2048, 4096)  # tokens
STATE_DIM, ACTIONS, TOKENS_PER_STEP, FEATURES = 8, 4, 2, 64
FOLDER = Path(__file__).parent
MEASURES = {
    "training": "training, µs a token",
    "playing": "playing, µs a row's step",
    "memory": "cache of a row, KiB",
}
TIMES = ("training", "playing")


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        contexts: in tokens.
        batch_tokens: of a training batch, about.
        rows: that play side by side.
        steps: that they play for one figure.
        rounds: of which the first does not count.
    """

    contexts: tuple[int, ...]
    batch_tokens: int
    rows: int
    steps: int
    rounds: int


FULL = Sizes(CONTEXTS, batch_tokens=4096, rows=64, steps=40, rounds=6)
QUICK = Sizes((20, 128, 512), batch_tokens=1024, rows=8, steps=5, rounds=2)


@dataclass(frozen=True)
class Point:
    """What a kind costs at a context, of which `context` says how many tokens it has; the rest as MEASURES."""

    kind: str
    context: int
    training: float
    playing: float
    memory: float


def build(kind: Attention, context: int) -> ActionTransformer:
    """The default decoder, for rows of so many tokens."""
    torch.manual_seed(0)
    sizes = (STATE_DIM, ACTIONS, 128, 3, 4, 512, context // TOKENS_PER_STEP, True)
    return ActionTransformer(*sizes, num_kv_heads=1, attention=kind, num_random_features=FEATURES)


def draw_batch(context: int, tokens: int) -> Batch:
    """Rows of so many tokens, as many rows as come to `tokens` in all."""
    rows, length = max(1, tokens // context), context // TOKENS_PER_STEP
    actions, mask = torch.randint(ACTIONS, (rows, length)), torch.ones(rows, length, dtype=torch.bool)
    columns = {"observation": torch.randn(rows, length, STATE_DIM), "action": actions, "label": actions}
    columns["return_to_go"] = torch.randn(rows, length)
    return Batch(columns, torch.full((rows,), length), mask, mask)


def training_cost(model: ActionTransformer, batch: Batch) -> float:
    """Microseconds a token of forward, loss and backward."""
    begun = time.process_time()
    model.train().losses(batch, torch.Generator()).objective().backward()
    return 1e6 * (time.process_time() - begun) / (TOKENS_PER_STEP * batch.mask.numel())


@torch.inference_mode()
def playing_cost(model: ActionTransformer, rows: int, steps: int) -> tuple[float, float]:
    """Microseconds a row's step, and the cache's kibibytes a row."""
    memory, observations = model.eval().begin(rows), torch.randn(rows, STATE_DIM)
    previous = (torch.zeros(rows, dtype=torch.int64), torch.zeros(rows))
    begun = time.process_time()
    for number in range(steps):
        model.act(memory, Step(observations, *previous, torch.full((rows,), number == 0)))
    cost = 1e6 * (time.process_time() - begun) / (rows * steps)
    return cost, sum(each.numel() * each.element_size() for each in remembered(memory)) / (1024 * rows)


def remembered(memory: RowMemory) -> list[Tensor]:
    """The tensors of a cache, a layer each."""
    cache = memory.kv_cache
    if isinstance(cache, KVCache):
        return [layer.ring for layer in cache.layers]
    return [layer.sums for layer in cache.layers]


def measure(context: int, sizes: Sizes) -> list[Point]:
    """A point a kind."""
    models, batch = {kind: build(kind, context) for kind in KINDS}, draw_batch(context, sizes.batch_tokens)
    costs: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in KINDS}
    for _ in range(sizes.rounds):
        for kind, model in models.items():
            costs[kind].append((training_cost(model, batch), *playing_cost(model, sizes.rows, sizes.steps)))
    return [
        Point(kind, context, *(statistics.median(values) for values in zip(*rounds[1:], strict=True)))
        for kind, rounds in costs.items()
    ]


def crossing(points: list[Point], kind: str, name: str) -> float | None:
    """From how many tokens on a kind costs less than softmax attention, up to the longest context; None if it does not there.

    The shortest context where it does at all of them.
    """
    by_kind = {each: [point for point in points if point.kind == each] for each in ("softmax", kind)}
    ratios = [  # logarithms: above zero where it costs more
        (math.log(ours.context), math.log(getattr(ours, name) / getattr(theirs, name)))
        for ours, theirs in zip(by_kind[kind], by_kind["softmax"], strict=True)
    ]
    if ratios[-1][1] >= 0:
        return None
    for (before, more), (after, less) in reversed(list(pairwise(ratios))):
        if more >= 0:
            return math.exp(before + (after - before) * more / (more - less))
    return math.exp(ratios[0][0])


def table(points: list[Point]) -> str:
    """All points, a line a context, and the crossings."""
    heads = [f"{kind}: {label}" for label in MEASURES.values() for kind in KINDS]
    lines = [f"| tokens | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for context in dict.fromkeys(point.context for point in points):
        here = {point.kind: point for point in points if point.context == context}
        cells = [f"{getattr(here[kind], name):.1f}" for name in MEASURES for kind in KINDS]
        lines.append(f"| {context} | {' | '.join(cells)} |")
    lines.append("")
    longest = max(point.context for point in points)
    for kind in KINDS[1:]:
        for name in TIMES:
            at = crossing(points, kind, name)
            told = f"at no context up to {longest} tokens" if at is None else f"from {at:.0f} tokens on"
            lines.append(f"- {kind} costs less than softmax in {name} {told}")
    return "\n".join(lines) + "\n"


def draw(points: list[Point], path: Path) -> None:
    """Costs against the context, with a dashed line at each crossing."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot, ticker

    contexts = list(dict.fromkeys(point.context for point in points))
    figure, axes = pyplot.subplots(1, len(MEASURES), figsize=(13, 3.8), layout="constrained")
    for axis, (name, label) in zip(axes, MEASURES.items(), strict=True):
        for colour, (kind, marker) in enumerate(zip(KINDS, "os^", strict=True)):
            mine = [getattr(point, name) for point in points if point.kind == kind]
            axis.plot(contexts, mine, marker=marker, markersize=4, color=f"C{colour}", label=kind)
            at = crossing(points, kind, name) if kind != "softmax" else None
            if name in TIMES and at is not None:
                axis.axvline(at, color=f"C{colour}", linestyle="--", linewidth=1, zorder=0)
                axis.annotate(f"{at:.0f}", (at, 1), xycoords=("data", "axes fraction"), color=f"C{colour}", fontsize=8)
        axis.set(xscale="log", yscale="log", xlabel="context in tokens", ylabel=label)
        axis.set_xticks(contexts, [str(context) for context in contexts], fontsize=7)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axis.minorticks_off()
        axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def write(points: list[Point], folder: Path) -> None:
    """The JSON, the table and the figure."""
    for name in ("results", "figures"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    content = json.dumps([asdict(point) for point in points], indent=1, sort_keys=True)
    (folder / "results" / "linear_attention.json").write_text(content + "\n")
    (folder / "results" / "linear_attention.md").write_text(table(points))
    draw(points, folder / "figures" / "linear_attention.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, which show that all of it runs")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    sizes, points = QUICK if quick else FULL, []
    for context in sizes.contexts:
        points += measure(context, sizes)
        print(f"{context} tokens measured", flush=True)
    write(points, FOLDER / "quick" if quick else FOLDER)
    print(table(points), end="")


if __name__ == "__main__":
    main()
