"""All that pruning makes of one policy.

Learning                         -- the data that it learned from, and how it is finetuned
pruned_policies(policy, block, learning) -- by name, each as it is pruned and once more finetuned
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.params.pruning import FINETUNED, PrunedPolicyParams
from understudy.params.training import TrainingParams
from understudy.policies.files import TrainedPolicy
from understudy.pruning.magnitude import keep_zeros, zero_smallest
from understudy.pruning.structured import KINDS, leave_out
from understudy.sequences.batch import Batch
from understudy.sequences.store import Sequences
from understudy.training.loop import train
from understudy.training.run import Outcome


@dataclass(frozen=True)
class Learning:
    """What a policy learned from, and how it is finetuned.

    Attributes:
        training, held_out: sequences.
        params: of finetuning.
        seed: of the order of the data.
        best_returns: share of the training episodes that the policy learns from; None for all.
        batches: of training steps, by which importance is told, on the device on which is finetuned.
        checkpoints: folder for those of finetuning; None for none.
    """

    training: Sequences
    held_out: Sequences
    params: TrainingParams
    seed: int
    best_returns: float | None
    batches: list[Batch]
    checkpoints: Path | None = None


@dataclass(frozen=True)
class Pruned:
    """A pruned policy.

    Attributes:
        policy: it, on the device of its batches.
        made_by: what was done, in words.
        outcome: of finetuning; None before.
    """

    policy: TrainedPolicy
    made_by: str
    outcome: Outcome | None = None


def pruned_policies(
    policy: TrainedPolicy, block: PrunedPolicyParams, learning: Learning, name: str
) -> Iterator[tuple[str, Pruned]]:
    """Make all of a block, one after the other; the policy itself stays as it is.

    Args:
        policy: on the device of the batches.
        block: what is to be made.
        learning: of the policy.
        name: of the policy, for messages and progress bars.

    Raises:
        ParameterError: the policy's family lacks what is to be left out, or nothing would be left of a layer.
    """
    where = f"pruning.policies.{name}"
    for way, sparsity in block.sparsities.items():
        zeroed = _copied(policy)
        zero_smallest(_module(zeroed), sparsity)
        made_by = f"{sparsity:.0%} of the weights set to zero, those of the least magnitude"
        yield way, Pruned(zeroed, made_by)
        keep_zeros(_module(zeroed))
        yield _finetuned(zeroed, learning, way, made_by, name)
    for way, shares in block.structured.items():
        smaller = policy
        for kind in (kind for kind in KINDS if kind in shares):
            smaller = leave_out(smaller, kind, shares[kind], learning.batches, f"{where}.structured.{way}")
        made_by = ", ".join(f"{shares[kind]:.0%} of the {kind}" for kind in KINDS if kind in shares) + " left out"
        yield way, Pruned(smaller, made_by)
        yield _finetuned(_copied(smaller), learning, way, made_by, name)


def _finetuned(policy: TrainedPolicy, learning: Learning, way: str, made_by: str, name: str) -> tuple[str, Pruned]:
    finetuned = f"{way}_{FINETUNED}"
    outcome = train(
        _module(policy),
        learning.training,
        learning.held_out,
        learning.params,
        seed=learning.seed,
        name=f"{name} {finetuned}",
        checkpoint=None if learning.checkpoints is None else learning.checkpoints / f"{finetuned}.safetensors",
        best_returns=learning.best_returns,
    )
    _module(policy).eval()
    return finetuned, Pruned(policy, f"{made_by}, then finetuned for {outcome.selected_step} steps", outcome)


def _copied(policy: TrainedPolicy) -> TrainedPolicy:
    return TrainedPolicy(copy.deepcopy(policy.model), policy.family, policy.config, policy.interface, policy.provenance)


def _module(policy: TrainedPolicy) -> Any:
    """The model: a family's, and so a torch module."""
    return policy.model
