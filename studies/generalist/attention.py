"""What the generalist's predictions attended to while it played, task by task. Writes attention.md and attention.png.

Of each policy the training of the first seed is looked at, in the first episodes of its own evaluation, the plain one, in which
it is shown no demonstration: of the last layer's attention, from the token that an action is predicted from, how much went to
which token of which step. Shares say where a prediction looked, not what it would have been without.
"""

import itertools
import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from understudy.errors import DataError, ParameterError
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams
from understudy.params.tasks import TasksParams
from understudy.params.training import TrainingParams
from understudy.policies.files import load_trained
from understudy.replay.token_attention import AttendedTokens, attended_tokens
from understudy.report.charts import STYLE
from understudy.rollouts.parquet import open_recording
from understudy.utils.atomic import replace_file

EPISODES = 20
STEPS_BACK = 12
COLUMNS = 4  # panels side by side
HEADER = ("policy", "task", "token", "share", "of the present step", "steps back, on average")

Attended = dict[tuple[str, str], AttendedTokens]  # by policy and task


def read_attended(tasks: list[str], policies: list[str], seed: int) -> Attended:
    """What each policy attended to in each task.

    Raises:
        DataError: a policy or a recording is missing or damaged, or the policy is none that `attended_tokens` takes.
    """
    found = {}
    for policy, task in itertools.product(policies, tasks):
        recording = open_recording(Path("data/evaluation") / task / policy / f"seed_{seed}")
        trained = load_trained(Path("models") / policy / f"seed_{seed}").acting_in(recording.spec)
        found[policy, task] = attended_tokens(trained, itertools.islice(recording.as_episodes(), EPISODES), STEPS_BACK)
    return found


def format_table(found: Attended) -> str:
    """A row a token, as Markdown."""
    rows = [HEADER, ("---", "---", "---", "---:", "---:", "---:")]
    for (policy, task), attended in found.items():
        for name, weights in zip(attended.names, attended.weights, strict=True):
            share = weights.sum()
            back = weights @ np.arange(len(weights)) / share if share > 0 else 0.0
            rows.append((policy, task, name, f"{share:.3f}", f"{weights[0]:.3f}", f"{back:.1f}"))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def draw(found: Attended, path: Path) -> None:
    """A panel a policy and task: a token a row, a step back a column."""
    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    most = max(attended.weights.max() for attended in found.values())
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            rows, columns, figsize=(3.2 * columns, 0.8 + 1.6 * rows), layout="constrained", squeeze=False
        )
        for axis, ((policy, task), attended) in zip(axes.flat, found.items(), strict=False):
            shown = _panel(axis, attended, most)
            axis.set_title(f"{policy} in {task}")
        for axis in axes.flat[len(found) :]:
            axis.set_axis_off()
        figure.colorbar(shown, ax=axes, label="share of the attention")
        figure.savefig(path, dpi=120, format="png", metadata={"Software": None})
        pyplot.close(figure)


def _panel(axis: Axes, attended: AttendedTokens, most: float) -> object:
    shares = attended.by_token
    shown = axis.imshow(attended.weights, cmap="Blues", vmin=0, vmax=most, aspect="auto", interpolation="nearest")
    labels = [f"{name} {share:.2f}" for name, share in zip(attended.names, shares, strict=True)]
    axis.set_yticks(range(len(labels)), labels, parse_math=False)
    axis.set_xlabel("steps back")
    return shown


def main() -> None:
    """Read, draw and write."""
    params = load_sections(
        Path("params.yaml"), {"tasks": TasksParams, "policies": PoliciesParams, "training": TrainingParams}
    )
    found = read_attended(params["tasks"].names, params["policies"].names, params["training"].seeds[0])
    table = format_table(found)
    with replace_file(Path("attention.png")) as unfinished:
        draw(found, unfinished)
    with replace_file(Path("attention.md")) as unfinished:
        unfinished.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except (DataError, ParameterError) as error:
        sys.exit(f"attention: {error}")
