"""Saving a training run after a validation, and going on from there, exact to the bit."""

from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from understudy.training.run import Outcome, TrainingRun, ValidationMetrics
from understudy.utils.checkpoint import load_state, save_state


def save(run: TrainingRun, path: Path) -> None:
    """Write all of a run's state, just after a validation."""
    slots = {
        f"optimizer.{index}.{name}": tensor
        for index, slot in run.optimizer.state_dict()["state"].items()
        for name, tensor in slot.items()
    }
    weights = {f"model.{name}": tensor for name, tensor in run.model.state_dict().items()}
    selected = {f"selected.{name}": tensor for name, tensor in run.selected_weights.items()}
    position = {name: getattr(run, name) for name in ("step", "epoch", "batches_taken", "finished")}
    tensors = slots | weights | selected | {"generator": run.generator.get_state()}
    save_state(path, tensors, {"position": position, "outcome": asdict(run.outcome)})


def resume(run: TrainingRun, path: Path) -> None:
    """Put a run into the state of a file that `save` wrote; nothing happens where there is none."""
    found = load_state(path)
    if found is None:
        return
    tensors, content = found
    run.model.load_state_dict(_below("model.", tensors))
    run.selected_weights = _below("selected.", tensors)
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below("optimizer.", tensors).items():
        index, key = name.split(".")
        slots.setdefault(int(index), {})[key] = tensor
    run.optimizer.load_state_dict({"state": slots, "param_groups": run.optimizer.state_dict()["param_groups"]})
    run.generator.set_state(tensors["generator"])
    outcome, position = content["outcome"], content["position"]
    run.outcome = Outcome(outcome["curve"], ValidationMetrics(**outcome["selected"]), outcome["selected_step"])
    run.step, run.finished = position["step"], position["finished"]
    run.start_epoch(position["epoch"], position["batches_taken"])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
