"""Stage prune_policy@NAME-SEED: smaller policies out of a trained one of another project. Writes models/NAME/seed_SEED.

Each lies in a folder of its own there and is an ordinary policy: as it is pruned, and as it is finetuned after that.
"""

from itertools import islice
from pathlib import Path
from typing import cast

import torch
from pydantic import BaseModel

from understudy.models.family import Family
from understudy.models.registry import POLICY, load_family
from understudy.options.labels import with_labels
from understudy.params.compute import ComputeParams
from understudy.params.load import load_sections
from understudy.params.policies import PoliciesParams, PolicyParams
from understudy.params.pruning import PruningParams
from understudy.params.training import TrainingParams
from understudy.policies.card import write_card
from understudy.policies.files import TrainedPolicy, load_trained, policy_hashes, save_policy
from understudy.pruning.magnitude import count_numbers
from understudy.pruning.ways import Learning, Pruned, pruned_policies
from understudy.sequences.columns import LABEL_COLUMNS
from understudy.sequences.store import Sequences, open_sequences
from understudy.stage import run_stage
from understudy.training.accuracy import held_out_accuracy, write_outcome
from understudy.training.loop import learned_from
from understudy.utils.atomic import replace_folder
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.device import resolve_device
from understudy.utils.provenance import check_files, check_origin

LOADS = (POLICY,)
SECTIONS: dict[str, type[BaseModel]] = {
    "policies": PoliciesParams,
    "training": TrainingParams,
    "compute": ComputeParams,
}


def work(policy: str, seed: int, pruning: PruningParams) -> None:
    project, name, block = Path(pruning.project), f"{policy}/seed_{seed}", pruning.policies.named(policy)
    sections = load_sections(project / "params.yaml", SECTIONS)
    trained_by: PolicyParams = sections["policies"].named(policy)
    trained_by.check_plain(f"{project}/params.yaml: policies.{policy}")
    params = sections["training"].of_policy(trained_by.training, f"policies.{policy}.training")
    params = params.of_policy(pruning.finetuning, "pruning.finetuning")
    source = project / "models" / name
    full = load_trained(source)
    check_origin(source, full.provenance, project / "data/columns" / f"{policy}.json")
    device = resolve_device(sections["compute"].device)
    full.model.to(device)
    training, held_out = _open(project / "data/processed", full.family)
    torch.set_num_threads(params.threads)
    batches = learned_from(cast(Family, full.model), training, params, trained_by.best_returns).shuffled(seed, 0)
    first = [batch.to(device) for batch in islice(batches, pruning.importance_batches)]
    stage, hashes = f"prune_policy@{policy}-{seed}", policy_hashes(source)
    used = [
        params.model_dump(),
        block.model_dump(),
        pruning.importance_batches,
        trained_by.best_returns,
        seed,
        device.type,
    ]
    checkpoints = checkpoint_folder(stage, used, hashes)
    learning = Learning(training, held_out, params, seed, trained_by.best_returns, first, checkpoints)
    with replace_folder(Path("models") / name) as folder:
        for way, pruned in pruned_policies(full, block, learning, policy):
            (folder / way).mkdir()
            _write(folder / way, f"{name}/{way}", pruned, hashes["model.safetensors"], held_out)
    remove_checkpoints(stage)


def _open(processed: Path, family: str) -> tuple[Sequences, Sequences]:
    """The sequences that a policy of the family learns from and those held out, with labels where it reads them."""
    check_files(processed / "sequences/store.json")
    training, held_out = (open_sequences(processed / "sequences", split) for split in ("train", "validation"))
    if load_family(family).reads.isdisjoint(LABEL_COLUMNS):
        return training, held_out
    check_files(processed / "options/options.json")
    return (
        with_labels(training, processed / "options", "train"),
        with_labels(held_out, processed / "options", "validation"),
    )


def _write(folder: Path, name: str, pruned: Pruned, source: str, held_out: Sequences) -> None:
    made, model = pruned.policy, cast(Family, pruned.policy.model)
    accuracy = held_out_accuracy(model, held_out)
    provenance = made.provenance | {"pruned_from": source}
    policy = TrainedPolicy(model, made.family, made.config, made.interface, provenance)
    save_policy(policy, folder)
    if pruned.outcome is not None:
        write_outcome(pruned.outcome, accuracy, folder)
    numbers = count_numbers(model.state_dict())
    facts = {"made by": pruned.made_by, "not zero": f"{numbers:,}", "held-out accuracy": f"{accuracy.all_steps:.3f}"}
    write_card(folder, name, policy, facts)
    print(
        f"{name}: {pruned.made_by}; {numbers:,} numbers that are not zero, held-out accuracy {accuracy.all_steps:.3f}"
    )


if __name__ == "__main__":
    run_stage(work, __doc__)
