"""The model card beside a policy: what it is, of what it learned, and how to use it, for people.

write_card(folder, name, policy, facts)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from understudy.interface import Task
from understudy.policies.files import TrainedPolicy


def write_card(folder: Path, name: str, policy: TrainedPolicy, facts: Mapping[str, object]) -> None:
    """Write README.md to an existing folder.

    Args:
        folder: of the policy.
        name: what it is called.
        policy: it.
        facts: lines of the table beyond those that the policy itself tells, by what they say.
    """
    tasks = policy.interface.tasks
    weights = sum(weight.numel() for weight in policy.model.state_dict().values())
    rows: dict[str, object] = {
        "family": f"`{policy.family}` (src/understudy/models/{policy.family}.py)",
        **(_task_rows(tasks[0]) if len(tasks) == 1 else _rows_of_tasks(tasks)),
        "numbers": f"{weights:,}, float32",
        **facts,
    }
    which = "" if len(tasks) == 1 else f', environment="{tasks[0].environment.environment_id}"'
    lines = [
        f"# {name}",
        "",
        f"A policy of understudy for {'one environment' if len(tasks) == 1 else f'{len(tasks)} environments'};"
        " `policy.json` has every parameter.",
        "",
        "| | |",
        "|---|---|",
    ]
    lines += [f"| {what} | {str(value).replace('|', '/')} |" for what, value in rows.items()]
    lines += [
        "",
        "```python",
        "import understudy",
        "",
        f'policy = understudy.load_policy("models/{name}"{which})  # unpickles nothing',
        "actions, state = policy.predict(observation, state, episode_start)",
        "```",
        "",
        "It imitates what it was shown, mistakes included, and knows no states that its demonstrations do not show."
        " How well it acts is in `metrics/summary.json`; loss and accuracy on held-out demonstrations say little about that.",
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def _task_rows(task: Task) -> dict[str, object]:
    spec = task.environment
    made = f"`{spec.kwargs}`, wrappers `{list(spec.wrappers)}`" if spec.kwargs or spec.wrappers else "defaults"
    return {
        "environment": f"`{spec.environment_id}`, {spec.num_agents} agent{'s' * (spec.num_agents > 1)}",
        "made with": made,
        "sees": ", ".join(task.visible_components),
        "does not see": ", ".join(task.hidden_components) or "nothing is hidden",
        "does": ("one of " if spec.discrete_actions else "a vector of ") + ", ".join(spec.action_labels),
    }


def _rows_of_tasks(tasks: Sequence[Task]) -> dict[str, object]:
    """A line a task."""
    return {
        f"task {number}": f"`{task.environment.described}`: sees {task.state_dim} numbers,"
        f" does {'one' if task.discrete_actions else 'a vector'} of {task.action_dim}"
        for number, task in enumerate(tasks)
    }
