"""understudy inspect: what a file or folder is, where it comes from, and whether its hashes hold."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import DataError

if TYPE_CHECKING:
    from understudy.params.log_project import LogProject
    from understudy.params.task_project import TaskProject
    from understudy.params.whole import Params
    from understudy.params.word_project import WordProject

HELP = "say what a folder or file is, where it comes from, and whether its hashes hold"
EXAMPLE = "understudy inspect models/decoder"
HEADLINES = {  # of summary.json, in all kinds of projects: what each is called, and its digits
    "score": ("score", ".3f"),
    "return_mean": ("return", ".1f"),
    "return": ("return", ".3f"),
    "accuracy": ("accuracy", ".3f"),
    "tool_accuracy": ("of tool turns", ".3f"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("path", type=Path, help="a recording, sequences, a policy, or a project")


def run(arguments: argparse.Namespace) -> None:
    """Print lines; a hash that does not hold is a failure."""
    print("\n".join(describe(arguments.path)))


def describe(path: Path) -> list[str]:
    """Lines about whatever lies at `path`.

    Raises:
        DataError: it is none of this project's, or damaged.
    """
    kinds: dict[str, Callable[[Path], list[str]]] = {
        "episodes.parquet": _recording,
        "store.json": _sequences,
        "policy.json": _policy,
        "dvc.yaml": _project,
    }
    for name, tell in kinds.items():
        if (path / name).is_file():
            return tell(path)
    files = sorted(path.rglob("*")) if path.is_dir() else []
    places = [
        each.parent for each in files if each.name in kinds and not each.relative_to(path).parts[0].startswith(".")
    ]
    if not places:
        raise DataError(f"{path}: expected a recording, sequences, a policy or a project, found none")
    return [line for place in places for line in describe(place)]


def _recording(folder: Path) -> list[str]:
    from understudy.episode import UNKNOWN_SEED
    from understudy.rollouts.parquet import read_recording

    recording = read_recording(folder)
    episodes, spec = recording.episodes, recording.spec
    seeds, returns = episodes["seed"], episodes["return"]
    known = "unknown seeds" if (seeds == UNKNOWN_SEED).any() else f"seeds {seeds.min()} to {seeds.max()}"
    ends = f"{int(episodes['terminated'].sum())} terminated, {int(episodes['truncated'].sum())} truncated"
    played = [
        f"  {name}: {int(own.sum())} episodes, mean return {returns[own].mean():.1f}"
        for number, name in enumerate(recording.players)
        if (own := episodes["player"] == number).any()
    ]
    return [
        f"{folder}: a recording of {recording.demonstrator} in {spec.described}",
        f"  {len(seeds)} episodes, {int(episodes['length'].sum())} steps, {known}, {ends}",
        f"  returns {returns.min():.1f} to {returns.max():.1f}, mean {returns.mean():.1f}",
        *played,
        f"  observes {', '.join(spec.components)}",
        f"  does {', '.join(spec.action_labels)}",
        "  every promise of the schema holds",
    ]


def _sequences(folder: Path) -> list[str]:
    from understudy.sequences.mixture import open_store
    from understudy.utils.provenance import check_files

    check_files(folder / "store.json")
    lines = [f"{folder}: sequences; the files are those that store.json describes"]
    for split in ("train", "validation"):
        sequences = open_store(folder, split)
        lines.append(f"  {split}: {sequences.num_sequences} sequences, {sequences.num_steps} steps")
    tasks = sequences.interface.tasks
    return lines + [f"  of {task.environment.described}, seen {', '.join(task.visible_components)}" for task in tasks]


def _policy(folder: Path) -> list[str]:
    from understudy.policies.files import load_trained, policy_hashes

    policy = load_trained(folder)
    weights = sum(weight.numel() for weight in policy.model.parameters())
    origin = [f"  learned from {name} {digest[:12]}" for name, digest in sorted(policy.provenance.items())]
    return [
        f"{folder}: a policy of the family {policy.family} for"
        f" {', '.join(task.environment.described for task in policy.interface.tasks)}",
        f"  {weights:,} weights; {', '.join(f'{key} {value}' for key, value in policy.config.items())}",
        *origin,
        *(f"  {name} {digest[:12]}" for name, digest in policy_hashes(folder).items()),
        "  policy.json is what was saved with the weights",
    ]


def _project(folder: Path) -> list[str]:
    from understudy.params.load import read_yaml
    from understudy.params.project import load_project
    from understudy.utils.jsonfile import read_json

    if not (folder / "params.yaml").is_file() or "policies" not in read_yaml(folder / "params.yaml"):
        lines = [f"{folder}: a project of the stages {', '.join(read_yaml(folder / 'dvc.yaml').get('stages', {}))}"]
    else:
        params = load_project(folder / "params.yaml")
        lines = [
            f"{folder}: a project {_kind(params)}",
            f"  policies {', '.join(params.policies.names)}; training seeds {params.training.seeds}",
        ]
    summary = folder / "metrics/summary.json"
    if not summary.is_file():
        return [*lines, "  no metrics/summary.json: dvc repro makes what its stages make"]
    results = read_json(summary)
    told = {name: _told(entry) for name, entry in results.items() if isinstance(entry, dict)}
    return [*lines, *(f"  {name}: {', '.join(figures)}" for name, figures in told.items() if figures)]


def _kind(params: "Params | LogProject | WordProject | TaskProject") -> str:
    """Of what a project is, and who demonstrates."""
    from understudy.params.log_project import LogProject
    from understudy.params.task_project import TaskProject
    from understudy.params.word_project import WordProject

    if isinstance(params, LogProject):
        return f"of logs of agents, in {', '.join(params.logs.paths)}"
    if isinstance(params, WordProject):
        return f"of games in text, {params.words.task}, by {', '.join(each.name for each in params.words.players)}"
    if isinstance(params, TaskProject):
        return f"of several tasks, {', '.join(params.tasks.names)}, each in its folder"
    demonstrator = params.expert.algorithm if params.expert else getattr(params.demonstrations, "path", "nobody")
    return f"in {params.environment.id}, demonstrated by {demonstrator}"


def _told(entry: Mapping[str, Any]) -> list[str]:
    """Those of an entry's headline figures that it has."""
    return [f"{label} {entry[key]:{digits}}" for key, (label, digits) in HEADLINES.items() if key in entry]
