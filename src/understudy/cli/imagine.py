"""understudy imagine: episodes out of a model's imagination, as a recording."""

import argparse
from pathlib import Path

import numpy as np

from understudy.episode import UNKNOWN_SEED
from understudy.errors import DataError, ParameterError
from understudy.policies.files import load_trained
from understudy.policies.imagine import imagine
from understudy.rollouts.parquet import read_recording, write_recording
from understudy.utils.atomic import replace_folder

HELP = "let a trajectory_transformer imagine whole episodes, and write them as a recording"
EXAMPLE = "understudy imagine models/tt/seed_0 --starts data/evaluation/expert --out imagined"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("policy", type=Path, help="a folder with policy.json and model.safetensors")
    parser.add_argument("--starts", type=Path, required=True, help="a recording, in whose first states they begin")
    parser.add_argument("--episodes", type=int, default=20, help="how many, of its first ones (default 20)")
    parser.add_argument("--steps", type=int, default=1000, help="an episode's steps at most (default 1000)")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")


def run(arguments: argparse.Namespace) -> None:
    """Imagine and write them, with the words `imagined by` where a recording says who acted."""
    for name in ("episodes", "steps"):
        if getattr(arguments, name) < 1:
            raise ParameterError(f"--{name}: expected at least 1, got {getattr(arguments, name)}")
    if arguments.out.exists():
        raise ParameterError(f"--out: expected a folder that does not exist, got {arguments.out}")
    policy, recording = load_trained(arguments.policy), read_recording(arguments.starts)
    spec = policy.task.environment
    if recording.spec.components != spec.components or recording.spec.num_agents != 1:
        raise DataError(
            f"{arguments.starts}: expected observations of {len(spec.components)} components of one agent, as the policy"
            f" was made for, got {len(recording.spec.components)} of {recording.spec.num_agents}"
        )
    first = recording.offsets[:-1][: arguments.episodes]
    starts, seeds = recording.steps["observation"][first], recording.episodes["seed"][: len(first)].astype(np.int64)
    seeds = np.where(seeds == UNKNOWN_SEED, np.arange(len(seeds)), seeds)  # else all would draw alike
    episodes = list(imagine(policy, starts, seeds, arguments.steps))
    with replace_folder(arguments.out) as folder:
        write_recording(folder, spec, f"imagined by {arguments.policy}", episodes)
    lengths = [episode.length for episode in episodes]
    returns = [episode.total_return for episode in episodes]
    print(
        f"{len(episodes)} imagined episodes are in {arguments.out}: {np.mean(lengths):.0f} steps and a return of"
        f" {np.mean(returns):.1f} in the mean"
    )
