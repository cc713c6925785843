"""Stage train_policy@NAME-SEED: a student learns from the sequences. Writes models/NAME/seed_SEED."""

from functools import partial
from pathlib import Path

import torch

from understudy.errors import ParameterError
from understudy.models.registry import POLICY, load_family
from understudy.options.labels import with_labels
from understudy.params.compute import ComputeParams
from understudy.params.policies import PoliciesParams, PolicyParams
from understudy.params.training import TrainingParams
from understudy.policies.build import build_model, check_play, learns_tasks
from understudy.policies.card import write_card
from understudy.policies.files import TrainedPolicy, save_policy
from understudy.policies.start import read_start
from understudy.sequences.columns import LABEL_COLUMNS
from understudy.sequences.drawn import draw_demonstrations, with_interface
from understudy.sequences.mixture import SequenceMixture, open_store
from understudy.sequences.store import Sequences
from understudy.stage import run_stage
from understudy.training.accuracy import Accuracy, held_out_accuracy, write_outcome
from understudy.training.distributed import count, process_group, rank, rank_zero_first
from understudy.training.loop import train
from understudy.training.run import Outcome
from understudy.training.steps import training_steps
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.jsonfile import sha256
from understudy.utils.provenance import check_files, trainings_hash

LOADS = (POLICY,)
Store = Sequences | SequenceMixture
SEQUENCES, OPTIONS = Path("data/processed/sequences"), Path("data/processed/options")


def work(policy: str, seed: int, policies: PoliciesParams, training: TrainingParams, compute: ComputeParams) -> None:
    with process_group(compute.device) as device:
        train_policy(policy, seed, policies, training, device)


def train_policy(name: str, seed: int, policies: PoliciesParams, params: TrainingParams, device: torch.device) -> None:
    policy, where = policies.named(name), f"policies.{name}"
    check(policy, seed, params, where)
    params = params.of_policy(policy.training, f"{where}.training")
    training, held_out, provenance = open_data(policy, seed, where)
    start = read_start(policy, seed, training.interface, where)
    if start is not None:
        training, held_out = (with_interface(store, start.interface) for store in (training, held_out))
        provenance["starts_from"] = trainings_hash(start.folder.parent)
    torch.manual_seed(seed)
    model = build_model(policy.family, policy.model, training.interface, where)
    if start is not None and learns_tasks(policy.family):
        model.fit(training_steps(training))  # the demonstrations that it keeps are its own, whatever it starts from
    weights, taken = (None, "") if start is None else start.weights(model.state_dict())
    if start is not None and rank() == 0:
        print(f"{name} starts with {taken}")
    used = [params.model_dump(exclude={"seeds"}), seed, policy.family, policy.model, device.type, count()]
    used += [policy.best_returns] if policy.best_returns is not None else []
    used += [policy.of_data] if policy.of_data else []
    stage = f"train_policy@{name}-{seed}"
    with rank_zero_first():  # it deletes the checkpoints of other work
        checkpoint = checkpoint_folder(stage, used, provenance) / "run.safetensors"
    if weights is not None and policy.demonstrations == 0:
        outcome = Outcome()
        model.load_state_dict(weights)
    else:
        told = partial(train, seed=seed, name=name, checkpoint=checkpoint, best_returns=policy.best_returns)
        outcome = told(model.to(device), training, held_out, params, weights=weights)
    if rank() > 0:
        return
    accuracy = held_out_accuracy(model, held_out)
    trained = TrainedPolicy(model.cpu(), policy.family, policy.model, training.interface, provenance)
    with replace_folder(Path("models") / name / f"seed_{seed}") as folder:
        save_policy(trained, folder)
        write_outcome(outcome, accuracy, folder)
        write_card(folder, f"{name}/seed_{seed}", trained, _facts(policy, training, held_out, outcome, accuracy, taken))
    remove_checkpoints(stage)


def check(policy: PolicyParams, seed: int, params: TrainingParams, where: str) -> None:
    """Say what is wrong with a block, and with the seed, before anything is read."""
    if seed not in params.seeds:
        raise ParameterError(f"--seed: expected one of training.seeds, {params.seeds}, got {seed}")
    check_play(policy.family, policy.plain_play, f"{where}.play")
    for variant, how in policy.play_variants.items():
        check_play(policy.family, how, f"{where}.play.variants.{variant}")


def open_data(policy: PolicyParams, seed: int, where: str) -> tuple[Store, Store, dict[str, str]]:
    """What the policy learns from, what is held out, both with labels where it reads them, and the hashes of their files."""
    check_files(SEQUENCES / "store.json")
    training, held_out = (open_store(SEQUENCES, split) for split in ("train", "validation"))
    provenance = {"sequences": training.sha256}
    reads_labels = not load_family(policy.family).reads.isdisjoint(LABEL_COLUMNS)
    if reads_labels and isinstance(training, Sequences) and isinstance(held_out, Sequences):
        check_files(OPTIONS / "options.json")
        training, held_out = with_labels(training, OPTIONS, "train"), with_labels(held_out, OPTIONS, "validation")
        provenance["options"] = sha256(OPTIONS / "options.json")
    if policy.demonstrations:
        training = draw_demonstrations(training, policy.demonstrations, seed, where)
        held_out = with_interface(held_out, training.interface)
    return training, held_out, provenance


def _facts(
    policy: PolicyParams, training: Store, held_out: Store, outcome: Outcome, accuracy: Accuracy, taken: str
) -> dict[str, object]:
    selected, learned_from = outcome.selected, "nothing" if policy.demonstrations == 0 else _size(training)
    if policy.best_returns is not None:
        learned_from = f"of {learned_from}, the {policy.best_returns:g} with the highest returns"
    facts = {"starts with": taken} if taken else {}
    return facts | {
        "learned from": learned_from,
        "held out": _size(held_out),
        "optimizer steps": outcome.selected_step,
        "held-out loss": "unknown" if selected is None else f"{selected.loss:.4f}",
        "held-out accuracy": f"{accuracy.all_steps:.3f}",
    }


def _size(sequences: Store) -> str:
    return f"{sequences.num_sequences:,} sequences, {sequences.num_steps:,} steps"


if __name__ == "__main__":
    run_stage(work, __doc__)
