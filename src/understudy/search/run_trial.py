"""One trial after the other.

Searched                 -- what is searched, and all that its trials need
run_trial(searched, ...) -- a trial, as a function of those before it
check_seeds(...)         -- that the development episodes are nobody else's
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from understudy.errors import DataError, ParameterError
from understudy.params.evaluation import EvaluationParams
from understudy.params.policies import PolicyParams
from understudy.params.search import SearchParams
from understudy.params.section import SeededEpisodes
from understudy.params.training import TrainingParams
from understudy.search.sampler import Pruner
from understudy.search.space import FILE, Values, with_values
from understudy.search.student import LearningData, learn, play
from understudy.search.trial import COMPLETE, PRUNED, Trial
from understudy.spec import EnvironmentSpec
from understudy.training.run import Outcome
from understudy.utils.jsonfile import sha256


class GivenUpError(Exception):
    """A trial whose validation losses are worse than others'."""


@dataclass(frozen=True)
class Searched:
    """What is searched.

    Attributes:
        name: of the policy.
        policy: its block in params.yaml.
        training: the section of all policies.
        search: its block in search.yaml.
        data: what it learns from.
        device: on which it learns.
        spec: of the environment; None where nothing is played.
        evaluation: how students play; None where nothing is played.
        workers: processes that play.
    """

    name: str
    policy: PolicyParams
    training: TrainingParams
    search: SearchParams
    data: LearningData
    device: torch.device
    spec: EnvironmentSpec | None
    evaluation: EvaluationParams | None
    workers: int


def run_trial(searched: Searched, trials: Sequence[Trial], values: Values, folder: Path) -> Trial:
    """Train and play with these values.

    Args:
        searched: what is searched.
        trials: all before it.
        values: by key of the space.
        folder: of this trial alone, where an interrupted one goes on.

    Raises:
        ParameterError, DataError: it is the first trial, the setting of params.yaml, and does not work; a later one is failed.
    """
    trial = Trial(values)
    try:
        losses = _train(searched, trials, trial, folder)
    except GivenUpError:
        trial.state = PRUNED
        return trial
    except (ParameterError, DataError) as error:
        if not trials:
            raise
        trial.problem = str(error)
        return trial
    if searched.search.objective == "return":
        trial.returns = [_play(searched, values, folder / f"seed_{seed}") for seed in searched.search.training_seeds]
    trial.value = float(np.mean(trial.returns or losses))
    trial.state = COMPLETE
    return trial


def _train(searched: Searched, trials: Sequence[Trial], trial: Trial, folder: Path) -> list[float]:
    """The validation loss of the selected weights, of each training seed."""
    where = f"policies.{searched.name}"
    policy = with_values(searched.policy, trial.values)
    params = searched.training.of_policy(policy.training, f"{where}.training")
    pruner, losses = Pruner(searched.search, trials, trial.values), list[float]()
    for number, seed in enumerate(searched.search.training_seeds):
        before = len(trial.validation)

        def watch(outcome: Outcome, before: int = before, offset: int = number * params.steps) -> None:
            for row in outcome.curve[len(trial.validation) - before :]:
                trial.validation.append((offset + int(row["step"]), row["validation_loss"]))
                if pruner.gives_up(*trial.validation[-1]):
                    raise GivenUpError

        outcome = learn(
            searched.name,
            policy,
            params,
            searched.data,
            seed=seed,
            device=searched.device,
            folder=folder / f"seed_{seed}",
            on_validation=watch,
        )
        assert outcome.selected is not None
        losses.append(outcome.selected.loss)
        trial.weights.append(sha256(folder / f"seed_{seed}/policy/model.safetensors"))
    return losses


def _play(searched: Searched, values: Values, folder: Path) -> list[float]:
    assert searched.spec and searched.evaluation and searched.search.development
    return play(
        folder / "policy",
        searched.spec,
        with_values(searched.policy, values).plain_play,
        searched.search.development,
        precision=searched.evaluation.precision,
        workers=searched.workers,
        title=searched.name,
        blocks_folder=folder / "blocks",
    )


def check_seeds(name: str, development: SeededEpisodes, others: dict[str, range]) -> None:
    """Raise a ParameterError where development episodes have a seed that is another's, by whose key."""
    own = development.seeds
    for key, seeds in others.items():
        start = max(seeds.start, own.start)
        if start < min(seeds.stop, own.stop):
            raise ParameterError(
                f"{FILE}: {name}.development.first_seed: expected seeds that {key} does not use, got {start}, which it does"
            )
