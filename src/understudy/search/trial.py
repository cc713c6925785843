"""A trial: a setting, how its training went, and what came of it; and the file with all of them.

Trial                 -- one, as it stands in trials.json
read_trials(path)     -> what they depend on, and the trials
write_trials(path, origin, trials)
best_trial(trials)    -- the finished one with the best value; None where none has finished

There is no clock in the file: it is a function of params.yaml, search.yaml, code, data and kernels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from understudy.errors import DataError
from understudy.utils.jsonfile import read_versioned_json, write_json

FORMAT_VERSION = 1
SEARCHES, TRIALS = Path("metrics/search"), "trials.json"
COMPLETE: Final = "complete"
PRUNED: Final = "pruned"
FAILED: Final = "failed"


@dataclass
class Trial:
    """One setting that has been tried.

    Attributes:
        values: by key of the space.
        state: complete; pruned, given up while it trained; or failed, refused by the model or not trained to finite losses.
        value: the objective: mean return in raw reward, or loss; None where it is not complete.
        validation: optimizer step and validation loss, of all training seeds one after the other.
        returns: of the development episodes, a list a training seed; empty where none were played.
        weights: the SHA-256 of model.safetensors, of each training seed.
        problem: why it failed; None where it has not.
    """

    values: dict[str, Any]
    state: Literal["complete", "pruned", "failed"] = FAILED
    value: float | None = None
    validation: list[tuple[int, float]] = field(default_factory=list)
    returns: list[list[float]] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    problem: str | None = None


def read_trials(path: Path) -> tuple[dict[str, Any], list[Trial]]:
    """What `write_trials` wrote.

    Returns:
        what the trials depend on, by name, and the trials; both are empty where there is no file.

    Raises:
        DataError: the file is malformed.
    """
    if not path.exists():
        return {}, []
    content = read_versioned_json(path, FORMAT_VERSION, "move it away and search again")
    try:
        trials = [Trial(**each) for each in content["trials"]]
        for each in trials:
            each.validation = [(int(step), float(loss)) for step, loss in each.validation]
        return dict(content["origin"]), trials
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected trials that a search has written, got {error!r}; move it away") from None


def write_trials(path: Path, origin: Mapping[str, Any], trials: Sequence[Trial]) -> None:
    """Write all trials in order."""
    write_json(
        path, {"format_version": FORMAT_VERSION, "origin": dict(origin), "trials": [asdict(each) for each in trials]}
    )


def best_trial(trials: Sequence[Trial], larger_is_better: bool) -> int | None:
    """The number of the complete trial with the best value, the first of equals; None where there is none."""
    sign = -1.0 if larger_is_better else 1.0
    values = {number: sign * each.value for number, each in enumerate(trials) if each.value is not None}
    return min(values, key=lambda number: values[number]) if values else None
