"""Optimizer steps on batches that somebody else draws: what training on recordings and going on online share.

Learner(model, params, seed) -- a model, its optimizer, and what it leaves to chance
Update                       -- what came of a step
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from understudy.models.family import Family
from understudy.params.training import TrainingParams
from understudy.sequences.batch import Batch
from understudy.training import distributed
from understudy.utils.precision import autocast, resolve_precision

STATE_OF_OPTIMIZER, STATE_OF_MODEL, GENERATOR = "optimizer.", "model.", "generator"


@dataclass(frozen=True)
class Update:
    """What came of an optimizer step.

    Attributes:
        parts: this process's part of the objective ("loss") and of each term's mean, without gradients.
        row_errors: (B,) how wrong the model was about each of this process's rows; None where it does not say.
        rows: of the batch, that are this process's.
    """

    parts: dict[str, Tensor]
    row_errors: Tensor | None
    rows: slice


class Learner:
    """A family's module and AdamW on the device of the module; of several processes each takes its rows of every batch.

    Args:
        model: trained in place.
        params: of which precision, weight_decay and max_grad_norm are read, and learning_rate for the start.
        seed: of what losses draw.
    """

    def __init__(self, model: Family, params: TrainingParams, seed: int) -> None:
        self.model, self.params = model, params
        self.device = next(model.parameters()).device
        self.precision = resolve_precision(params.precision, self.device)
        self.optimizer = torch.optim.AdamW(_weight_groups(model, params.weight_decay), params.learning_rate, fused=True)
        self.generator = torch.Generator().manual_seed(seed)
        self.losses = distributed.averaged_over_processes(model)

    def update(self, batch: Batch, learning_rate: float) -> Update:
        """Take one optimizer step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        length = batch.mask.shape[1]
        rows = distributed.shard(len(batch.mask), batch.num_agents)
        _skip(self.generator, rows.start * length)
        with autocast(self.precision, self.device):
            losses = self.losses(batch.rows(rows).to(self.device), self.generator)
        _skip(self.generator, (len(batch.mask) - rows.stop) * length)
        parts = distributed.parts_of_batch(losses)
        objective = torch.stack([losses.terms[name].weight * part for name, part in parts.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        # The gradient of the whole batch's loss is the processes' sum, and what they are given is the mean.
        (distributed.count() * objective).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.params.max_grad_norm)
        self.optimizer.step()
        self.model.after_update()
        told = {name: part.detach() for name, part in ({"loss": objective} | parts).items()}
        return Update(told, losses.row_errors, rows)

    def state(self) -> dict[str, Tensor]:
        """Tensors by name from which `resume` goes on."""
        slots = {
            f"{STATE_OF_OPTIMIZER}{index}.{name}": tensor
            for index, slot in self.optimizer.state_dict()["state"].items()
            for name, tensor in slot.items()
        }
        weights = {f"{STATE_OF_MODEL}{name}": tensor for name, tensor in self.model.state_dict().items()}
        return slots | weights | {GENERATOR: self.generator.get_state()}

    def resume(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` gave, among whatever else is there."""
        self.model.load_state_dict(below(STATE_OF_MODEL, tensors))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in below(STATE_OF_OPTIMIZER, tensors).items():
            index, key = name.split(".")
            slots.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({"state": slots, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.generator.set_state(tensors[GENERATOR])


def below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those whose names begin with the prefix, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _skip(generator: torch.Generator, numbers: int) -> None:
    """Leave out what the rows of other processes draw, one number a step, so that each row's draws are those of one process."""
    torch.rand(numbers, generator=generator)


def _weight_groups(model: Family, weight_decay: float) -> list[dict[str, object]]:
    """Decay the matrices; leave biases and norms, which are vectors, alone."""
    matrices = [weights for weights in model.parameters() if weights.ndim >= 2]
    vectors = [weights for weights in model.parameters() if weights.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
