"""The model card beside a policy: what it is, of what it learned, and how to use it, for people.

write_card(folder, name, policy, facts)
"""

from collections.abc import Mapping
from pathlib import Path

from understudy.policies.files import TrainedPolicy


def write_card(folder: Path, name: str, policy: TrainedPolicy, facts: Mapping[str, object]) -> None:
    """Write README.md to an existing folder.

    Args:
        folder: of the policy.
        name: what it is called.
        policy: it.
        facts: lines of the table beyond those that the policy itself tells, by what they say.
    """
    task, spec = policy.task, policy.task.environment
    weights = sum(weight.numel() for weight in policy.model.state_dict().values())
    rows: dict[str, object] = {
        "family": f"`{policy.family}` (src/understudy/models/{policy.family}.py)",
        "environment": f"`{spec.environment_id}`, {spec.num_agents} agent{'s' * (spec.num_agents > 1)}",
        "made with": f"`{spec.kwargs}`, wrappers `{list(spec.wrappers)}`"
        if spec.kwargs or spec.wrappers
        else "defaults",
        "sees": ", ".join(task.visible_components),
        "does not see": ", ".join(task.hidden_components) or "nothing is hidden",
        "does": ("one of " if spec.discrete_actions else "a vector of ") + ", ".join(spec.action_labels),
        "numbers": f"{weights:,}, float32",
        **facts,
    }
    lines = [
        f"# {name}",
        "",
        "A policy of understudy for one environment; `policy.json` has every parameter.",
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
        f'policy = understudy.load_policy("models/{name}")  # unpickles nothing',
        "actions, state = policy.predict(observation, state, episode_start)",
        "```",
        "",
        "It imitates what it was shown, mistakes included, and knows no states that its demonstrations do not show."
        " How well it acts is in `metrics/summary.json`; loss and accuracy on held-out demonstrations say little about that.",
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")
