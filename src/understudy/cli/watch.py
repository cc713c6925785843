"""understudy watch: episodes as films, of a policy or of a recording."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import DataError, ParameterError

if TYPE_CHECKING:
    from understudy.replay.film import Take
    from understudy.rollouts.parquet import Recording

HELP = "draw episodes: of policies that play a seed side by side, or of recordings"
EXAMPLE = "understudy watch data/evaluation/decoder --worst 3 --out worst.webp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("folder", nargs="+", type=Path, help="a policy or a recording; several stand side by side")
    parser.add_argument("--seed", type=int, help="of the episode; of recordings one that they hold")
    parser.add_argument("--environment", metavar="ID", help="of a policy of several tasks: which of them it plays")
    parser.add_argument(
        "--play",
        metavar="SETTINGS",
        help="of policies: as the block `play:` of params.yaml, '{target_return: 200}'; their families' defaults without it",
    )
    parser.add_argument("--worst", type=int, metavar="N", help="of one recording the N episodes that returned least")
    parser.add_argument("--best", type=int, metavar="N", help="of one recording the N episodes that returned most")
    parser.add_argument("--out", type=Path, help=".webp, .gif, .mp4 or .png, a strip; a window where it is not given")


def run(arguments: argparse.Namespace) -> None:
    """Play or replay, and write or show."""
    from understudy.replay.film import SUFFIXES, show_film, side_by_side, write_film

    if arguments.out is not None and arguments.out.suffix not in SUFFIXES:
        raise ParameterError(f"--out: expected a name that ends with {', '.join(SUFFIXES)}, got {arguments.out.name}")
    takes = list(takes_of(arguments))
    for take in takes:
        print(
            f"{take.name}: seed {take.episode.seed}, {take.episode.length} steps, return {take.episode.total_return:.1f}"
        )
    pictures = list(side_by_side(takes))
    if arguments.out is None:
        show_film(pictures, ", ".join(take.name for take in takes))
    else:
        write_film(arguments.out, pictures)
        print(f"{arguments.out} is there")


def takes_of(arguments: argparse.Namespace) -> Iterator["Take"]:
    """The episodes that are asked for."""
    ranked = arguments.worst or arguments.best
    settings = settings_of(arguments.play)
    for folder in arguments.folder:
        place = first_seed(folder)
        if (place / "episodes.parquet").is_file():
            from understudy.rollouts.parquet import read_recording

            yield from _recorded(place, read_recording(place), arguments)
        elif (place / "policy.json").is_file():
            if ranked:
                raise ParameterError(f"--worst, --best: expected a recording to choose from, got a policy, {folder}")
            yield _flown(place, 0 if arguments.seed is None else arguments.seed, arguments.environment, settings)
        else:
            raise DataError(f"{folder}: expected a policy or a recording, found none")


def first_seed(folder: Path) -> Path:
    """The folder itself, or that of its first training seed."""
    seeds = sorted(folder.glob("seed_*"), key=lambda each: (len(each.name), each.name))
    return (
        folder
        if not seeds or any((folder / name).is_file() for name in ("policy.json", "episodes.parquet"))
        else seeds[0]
    )


def settings_of(text: str | None) -> dict[str, Any]:
    """What --play says.

    Raises:
        ParameterError: it is no mapping in YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        settings = YAML(typ="safe", pure=True).load(text or "{}")
    except YAMLError:
        settings = None
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise ParameterError(f"--play: expected settings such as '{{target_return: 200}}', got {text!r}")
    return settings


def _flown(folder: Path, seed: int, environment: str | None, settings: dict[str, Any]) -> "Take":
    import torch

    from understudy.policies.build import check_play
    from understudy.policies.files import load_trained
    from understudy.replay.film import Take
    from understudy.replay.frames import fly, replay
    from understudy.replay.insight import look

    torch.set_num_threads(1)  # an episode's tensors are tiny
    trained = load_trained(folder)
    check_play(trained.family, settings, "--play")
    trained = trained if environment is None else trained.acting_in(environment)
    spec = trained.task.environment
    episode = fly(trained, seed, settings)
    frames = list(replay(episode, spec, str(folder)))
    return Take(_name(folder), episode, frames, spec.action_labels, look(trained, episode))


def _recorded(folder: Path, recording: "Recording", arguments: argparse.Namespace) -> Iterator["Take"]:
    from understudy.replay.film import Take
    from understudy.replay.frames import replay
    from understudy.replay.insight import Insight

    episodes = list(recording.as_episodes())
    if arguments.seed is not None:
        chosen = [each for each in episodes if each.seed == arguments.seed]
        if not chosen:
            known = f"{min(each.seed for each in episodes)} to {max(each.seed for each in episodes)}"
            raise ParameterError(f"--seed: expected a seed that {folder} holds, {known}, got {arguments.seed}")
    else:
        ranked = sorted(episodes, key=lambda each: each.total_return, reverse=bool(arguments.best))
        chosen = ranked[: arguments.worst or arguments.best or 1] if arguments.worst or arguments.best else episodes[:1]
    for episode in chosen:
        frames = list(replay(episode, recording.spec, str(folder)))
        yield Take(_name(folder), episode, frames, recording.spec.action_labels, Insight())


def _name(folder: Path) -> str:
    return folder.parent.name if folder.name.startswith("seed_") else folder.name
