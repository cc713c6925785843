"""What the stages before have left of an evaluation.

read_references(folder, without_expert) -- the recordings that scores count from
read_evaluation(folder, name, ...)      -- those of a student
read_held_out(path)                     -- its figures on held-out demonstrations
"""

from collections.abc import Sequence
from pathlib import Path

from understudy.episode import NO_OPTION
from understudy.errors import DataError
from understudy.evaluation.score import DEMONSTRATIONS, EXPERT, RANDOM, Evaluated
from understudy.rollouts.parquet import Recording, read_recording
from understudy.utils.jsonfile import read_json


def read_references(folder: Path, without_expert: bool) -> dict[str, Recording]:
    """The demonstrator's recording, or what was demonstrated where there is no expert to ask, and the random actor's."""
    evaluation, demonstrator = folder / "data/evaluation", DEMONSTRATIONS if without_expert else EXPERT
    place = folder / "data/raw" if without_expert else evaluation / EXPERT
    return {demonstrator: read_recording(place), RANDOM: read_recording(evaluation / RANDOM)}


def read_evaluation(
    folder: Path, name: str, seeds: Sequence[int], num_options: int, further: Sequence[str] = ()
) -> dict[str, Evaluated]:
    """What the stages of a policy have left, a training seed after the other.

    Args:
        folder: of the project.
        name: of the policy.
        seeds: of its trainings.
        num_options: how many it may follow, where it follows any.
        further: ways to play that params.yaml adds; each stands for itself, as NAME/WAY.
    """
    held_out = [read_held_out(folder / "models" / name / f"seed_{seed}" / "held_out.json") for seed in seeds]
    folders = [folder / "data/evaluation" / name / f"seed_{seed}" for seed in seeds]
    variants = sorted(each.name for each in folders[0].iterdir() if each.is_dir() and each.name not in further)
    recordings = [read_recording(each) for each in folders]
    follows_options = (recordings[0].steps["option"] != NO_OPTION).any()
    plain = Evaluated(
        recordings,
        _mean([each["action_accuracy"] for each in held_out]),
        _mean([each["change_accuracy"] for each in held_out]),
        {variant: [read_recording(each / variant) for each in folders] for variant in variants},
        num_options if follows_options else None,
    )
    return {name: plain} | {
        f"{name}/{way}": Evaluated([read_recording(each / way) for each in folders]) for way in further
    }


def read_held_out(path: Path) -> dict[str, float | None]:
    """A policy's accuracy on held-out demonstrations.

    Raises:
        DataError: the file is missing, or lacks one of them.
    """
    content = read_json(path)
    for key in ("action_accuracy", "change_accuracy"):
        if key not in content:
            raise DataError(f"{path}: expected a {key}, got none")
    return content


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
