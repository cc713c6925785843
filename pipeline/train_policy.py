"""Stage train_policy@NAME: a student learns from the sequences. Writes models/NAME."""

from pathlib import Path

import torch

from understudy.models.registry import POLICY
from understudy.options.labels import with_labels
from understudy.params import Params
from understudy.policy import Policy, build_model, save_policy
from understudy.sequences.store import open_sequences
from understudy.stage import run_policy_stage
from understudy.training.accuracy import held_out_accuracy, write_outcome
from understudy.training.distributed import count, first_goes_first, process_group, rank
from understudy.training.loop import train
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.jsonfile import sha256
from understudy.utils.provenance import check_files

LOADS = (POLICY,)  # families of policies, by name
SEQUENCES, OPTIONS = Path("data/processed/sequences"), Path("data/processed/options")


def work(params: Params, name: str) -> None:
    with process_group(params.compute.device) as device:
        train_policy(params, name, device)


def train_policy(params: Params, name: str, device: torch.device) -> None:
    policy = params.policy(name)
    check_files(SEQUENCES / "store.json")
    training, held_out = (open_sequences(SEQUENCES, split) for split in ("train", "validation"))
    provenance, config = {"sequences": training.sha256}, policy.config(bool(training.view.hidden))
    if policy.learns_from == "options":
        check_files(OPTIONS / "options.json")
        training, held_out = with_labels(training, OPTIONS, "train"), with_labels(held_out, OPTIONS, "validation")
        provenance["options"] = sha256(OPTIONS / "options.json")
    torch.manual_seed(params.training.seed)
    model = build_model(policy.family, config, training.spec, training.normalisation, f"policies.{name}")
    work_done = [params.training.model_dump(), policy.family, config, device.type, count()]
    with first_goes_first():  # it deletes the checkpoints of other work
        checkpoint = checkpoint_folder(f"train_policy@{name}", work_done, provenance)
    outcome = train(model.to(device), training, held_out, params.training, name, checkpoint / "run.safetensors")
    if rank() > 0:
        return
    accuracy = held_out_accuracy(model, held_out)
    trained = Policy(
        model.cpu(), policy.family, config, training.spec, training.view, training.normalisation, provenance
    )
    with replace_folder(Path("models") / name) as folder:
        save_policy(trained, folder)
        write_outcome(outcome, accuracy, folder)
    remove_checkpoints(f"train_policy@{name}")


if __name__ == "__main__":
    run_policy_stage(work, __doc__)
