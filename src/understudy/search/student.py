"""What a trial does: a student learns as the stage train_policy would have it, and plays as evaluate_policy would.

LearningData, open_data(family)  -- the sequences, opened once for all trials
learn(...)                       -- one training from one seed, into a folder
play(...)                        -- its episodes on development seeds

The stage train_policy with a trial's values writes the same weights, to the bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from understudy.errors import DataError
from understudy.models.registry import load_family
from understudy.options.labels import with_labels
from understudy.params.policies import PolicyParams
from understudy.params.section import SeededEpisodes
from understudy.params.training import TrainingParams
from understudy.policies.actor import load_actor
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.rollouts.record import Plan, record
from understudy.sequences.columns import LABEL_COLUMNS
from understudy.sequences.store import Sequences, open_sequences
from understudy.spec import EnvironmentSpec
from understudy.training.loop import train
from understudy.training.run import Outcome
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import load_state
from understudy.utils.jsonfile import sha256
from understudy.utils.precision import resolve_precision
from understudy.utils.provenance import check_files

SEQUENCES, OPTIONS = Path("data/processed/sequences"), Path("data/processed/options")


@dataclass(frozen=True)
class LearningData:
    """What students learn from, what they are validated on, and the SHA-256 hashes of both by name."""

    training: Sequences
    held_out: Sequences
    provenance: dict[str, str]


def open_data(family: str) -> LearningData:
    """The sequences of the present folder, with labels of options where the family reads them.

    Raises:
        DataError: they are not there, or not what their description says.
    """
    if not (SEQUENCES / "store.json").exists():
        raise DataError(f"{SEQUENCES}: expected sequences, found none; `dvc repro select_columns` builds them")
    check_files(SEQUENCES / "store.json")
    training, held_out = (open_sequences(SEQUENCES, split) for split in ("train", "validation"))
    provenance = {"sequences": training.sha256}
    if not load_family(family).reads.isdisjoint(LABEL_COLUMNS):
        check_files(OPTIONS / "options.json")
        training, held_out = with_labels(training, OPTIONS, "train"), with_labels(held_out, OPTIONS, "validation")
        provenance["options"] = sha256(OPTIONS / "options.json")
    return LearningData(training, held_out, provenance)


def learn(
    name: str,
    policy: PolicyParams,
    params: TrainingParams,
    data: LearningData,
    *,
    seed: int,
    device: torch.device,
    folder: Path,
    on_validation: Callable[[Outcome], None],
) -> Outcome:
    """Train a student and write it to `folder`/policy; a training that was interrupted goes on from its last validation.

    Args:
        name: of the policy, for messages and the progress bar.
        policy: its block.
        params: how it learns, its own values among them.
        data: what from.
        seed: of weights, order of the data and action dropout.
        device: on which it learns.
        folder: of this training alone.
        on_validation: told how it goes where it goes on, after every validation, and once more at the end; its exceptions end
            the training.
    """
    torch.manual_seed(seed)
    model = build_model(policy.family, policy.model, data.training.interface, f"policies.{name}")
    checkpoint = folder / "run.safetensors"
    if (found := load_state(checkpoint)) is not None:
        # Training tells of them with the next validation, which a loss that is not finite would prevent.
        on_validation(Outcome(found[1]["outcome"]["curve"]))
    outcome = train(
        model.to(device),
        data.training,
        data.held_out,
        params,
        seed=seed,
        name=name,
        checkpoint=checkpoint,
        best_returns=policy.best_returns,
        on_validation=on_validation,
    )
    on_validation(outcome)  # a checkpoint may hold a training that had just finished
    trained = TrainedPolicy(model.cpu(), policy.family, policy.model, data.training.interface, data.provenance)
    with replace_folder(folder / "policy") as target:
        save_policy(trained, target)
    return outcome


def play(
    policy: Path,
    spec: EnvironmentSpec,
    how: dict[str, Any],
    episodes: SeededEpisodes,
    *,
    precision: str,
    workers: int,
    title: str,
    blocks_folder: Path,
) -> list[float]:
    """The return of each episode, in raw reward; on the processor, whatever the student has learned on.

    Args:
        policy: folder of the student.
        spec: of the environment.
        how: settings of play.
        episodes: their seeds.
        precision: number format of the student's matrices and memory.
        workers: processes, on whose number nothing depends.
        title: of the progress bar.
        blocks_folder: where finished blocks wait for an interrupted search to go on.
    """
    precision = resolve_precision(precision, torch.device("cpu"))
    recording = record(
        Plan(spec, partial(load_actor, policy, how, precision=precision)),
        episodes.seeds,
        block_size=episodes.block_size,
        workers=workers,
        title=title,
        blocks_folder=blocks_folder,
    )
    with recording as played:
        return [episode.total_return for episode in played]
