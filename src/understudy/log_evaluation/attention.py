"""Which earlier decisions of a run a prediction looked at, as a chart and in words.

attention_chart(axis, weights, names) -- a square: a row a prediction, a column a step that it looked at
draw_attention(weights, names, path)  -- the same as PNG
most_looked_at(weights, names, step)  -- in words

T steps.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from understudy.report.charts import ACCENT, STYLE

MOST_STEPS = 60  # that are drawn, the first ones
NAMED = 3  # steps in words
LEAST = 0.05  # of the attention, to be named
INCHES = 0.17  # a step


def attention_chart(axis: Axes, weights: np.ndarray, names: Sequence[str]) -> None:
    """Weights (T, T), of which rows sum to one; names (T,) of what was done. Names are drawn as they are, never as formulas."""
    shown = min(len(names), MOST_STEPS)
    cells = np.zeros((shown, shown, 4))
    cells[..., :3], cells[..., 3] = to_rgb(ACCENT), np.sqrt(np.clip(weights[:shown, :shown], 0, 1))
    axis.imshow(cells, interpolation="nearest")
    labels = [f"{step} {names[step][:24]}" for step in range(shown)]
    axis.set_yticks(range(shown), labels, fontsize=7, parse_math=False)
    axis.set_xticks(range(shown), [str(step) for step in range(shown)], fontsize=7, rotation=90)
    axis.set(xlabel="looked at decision")


def chart_size(steps: int) -> tuple[float, float]:
    """Inches for a chart of so many steps."""
    side = INCHES * min(steps, MOST_STEPS)
    return 2.4 + side, 0.9 + side


def draw_attention(weights: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Write a PNG."""
    with pyplot.rc_context(STYLE):
        figure, axis = pyplot.subplots(figsize=chart_size(len(names)), layout="constrained")
        attention_chart(axis, weights, names)
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def most_looked_at(weights: np.ndarray, names: Sequence[str], step: int) -> str:
    """The steps to which most of the attention of this step's prediction went, itself among them."""
    order = np.argsort(-weights[step, : step + 1], kind="stable")[:NAMED]
    return ", ".join(
        f"{each} {names[each]} {weights[step, each]:.2f}" for each in order if weights[step, each] >= LEAST
    )
