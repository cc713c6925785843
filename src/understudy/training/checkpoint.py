"""Saving a training run after a validation, and going on from there, exact to the bit."""

from dataclasses import asdict
from pathlib import Path

from understudy.training.learner import below
from understudy.training.run import Outcome, TrainingRun, ValidationMetrics
from understudy.utils.checkpoint import load_state, save_state

SELECTED = "selected."


def save(run: TrainingRun, path: Path) -> None:
    """Write all of a run's state, just after a validation."""
    selected = {f"{SELECTED}{name}": tensor for name, tensor in run.selected_weights.items()}
    drawn, numbers = run.replay.state()
    position = {"step": run.step, "finished": run.finished}
    tensors = run.learner.state() | selected | drawn
    save_state(path, tensors, {"position": position, "replay": numbers, "outcome": asdict(run.outcome)})


def resume(run: TrainingRun, path: Path) -> None:
    """Put a run into the state of a file that `save` wrote; nothing happens where there is none."""
    found = load_state(path)
    if found is None:
        return
    tensors, content = found
    run.learner.resume(tensors)
    run.replay.resume(tensors, content["replay"])
    run.selected_weights = below(SELECTED, tensors)
    outcome, position = content["outcome"], content["position"]
    run.outcome = Outcome(outcome["curve"], ValidationMetrics(**outcome["selected"]), outcome["selected_step"])
    run.step, run.finished = position["step"], position["finished"]
