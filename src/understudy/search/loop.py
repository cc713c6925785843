"""A search from its first trial to its last, or from where it was interrupted.

run_search(name, project, search, root) -> all trials; they are in metrics/search/NAME/trials.json, one more after each
go_on(name, search, origin, ...)        -> the same, whatever a trial is
described(search, trials)               -- what came of it, in a few lines
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from understudy.environments.make import read_spec
from understudy.errors import ParameterError
from understudy.params.search import SearchParams
from understudy.params.whole import Params
from understudy.search.origin import Project, origin_of
from understudy.search.run_trial import Searched, check_seeds, run_trial
from understudy.search.sampler import next_values, require_optuna
from understudy.search.space import FILE, Values, first_values
from understudy.search.student import open_data
from understudy.search.trial import FAILED, PRUNED, SEARCHES, TRIALS, Trial, best_trial, read_trials, write_trials
from understudy.utils.checkpoint import checkpoint_folder, remove_checkpoints
from understudy.utils.device import resolve_device
from understudy.utils.jsonfile import content_hash
from understudy.utils.progress import progress_bar


def run_search(name: str, project: Project, search: SearchParams, root: Path) -> list[Trial]:
    """Run the trials that are missing, each a function of those before it.

    Args:
        name: of the policy.
        project: params.yaml.
        search: the policy's block of search.yaml.
        root: the folder of src, pipeline and custom.

    Raises:
        ParameterError: the policy does not exist, the space names none of its parameters, its seeds are another's, the setting of
            params.yaml is refused, or Optuna is not installed.
        DataError: the sequences are not there, or the setting of params.yaml cannot be trained.
    """
    require_optuna()
    check_search(name, project, search)
    first = first_values(search, name, project.policies.named(name), project.training)
    searched = prepare(name, project, search)
    provenance = searched.data.provenance
    origin = origin_of(name, project, search, root=root, device=searched.device, provenance=provenance)
    stage = f"search_policy@{name}"
    checkpoints = checkpoint_folder(stage, origin, provenance)

    def attempt(trials: Sequence[Trial], values: Values) -> Trial:
        folder = checkpoints / f"trial_{len(trials)}_{content_hash(values)[:8]}"
        for other in checkpoints.glob("trial_*"):
            if other != folder:
                shutil.rmtree(other)
        return run_trial(searched, trials, values, folder)

    trials = go_on(name, search, origin, first, attempt)
    remove_checkpoints(stage)
    return trials


def go_on(
    name: str,
    search: SearchParams,
    origin: dict[str, Any],
    first: Values,
    attempt: Callable[[Sequence[Trial], Values], Trial],
) -> list[Trial]:
    """Add trials to those of the same origin in metrics/search/NAME/trials.json until there are enough.

    Args:
        name: of the policy.
        search: the policy's block of search.yaml.
        origin: what trials depend on, JSON-ready, by name.
        first: the values of the first trial.
        attempt: runs a trial, given those before it and its values.
    """
    path = SEARCHES / name / TRIALS
    trials = resumed(path, origin)
    with progress_bar(search.trials, f"search {name}", "trial") as bar:
        bar.update(len(trials))
        bar.set_postfix_str(best_so_far(search, trials), refresh=False)
        while len(trials) < search.trials:
            values = next_values(search, trials, first)
            same = next((each for each in trials if each.values == values), None)  # which would come out as it did
            trials.append(same or attempt(trials, values))
            write_trials(path, origin, trials)
            bar.set_postfix_str(best_so_far(search, trials), refresh=False)
            bar.update()
    return trials


def check_search(name: str, project: Project, search: SearchParams) -> None:
    """Raise a ParameterError where params.yaml does not have the training seeds, or has other uses for the development seeds."""
    for seed in search.training_seeds:
        if seed not in project.training.seeds:
            raise ParameterError(
                f"{FILE}: {name}.training_seeds: expected some of training.seeds, {project.training.seeds}, got {seed}"
            )
    if search.objective == "return":
        if not isinstance(project, Params):
            raise ParameterError(
                f"{FILE}: {name}.objective: expected validation_loss, since there is no environment to play in, got return"
            )
        assert search.development is not None
        check_seeds(name, search.development, _seeds_of(project))


def prepare(name: str, project: Project, search: SearchParams) -> Searched:
    """All that the trials of a search share."""
    policy, spec, evaluation = project.policies.named(name), None, None
    if isinstance(project, Params) and search.objective == "return":
        spec, evaluation = read_spec(project.environment), project.evaluation
    data, device = open_data(policy.family), resolve_device(project.compute.device)
    return Searched(name, policy, project.training, search, data, device, spec, evaluation, project.compute.workers)


def best_so_far(search: SearchParams, trials: Sequence[Trial]) -> str:
    """The best trial in a few words."""
    best = best_trial(trials, search.objective == "return")
    return "none finished yet" if best is None else f"best {_value(search, trials[best])} (trial {best})"


def described(search: SearchParams, trials: Sequence[Trial]) -> list[str]:
    """What came of it: how trials ended, the best one's values, and how much better than the first it is."""
    best = best_trial(trials, search.objective == "return")
    assert best is not None  # the first one works, or there are no trials
    pruned, failed = (sum(each.state == state for each in trials) for state in (PRUNED, FAILED))
    values = ", ".join(f"{key} {value}" for key, value in trials[best].values.items())
    lines = [
        f"{len(trials)} trials, of which {pruned} were given up and {failed} failed",
        f"best: trial {best}, {search.objective.replace('_', ' ')} {_value(search, trials[best])}, with {values}",
        f"the first, the setting that params.yaml then had: {_value(search, trials[0])}",
    ]
    if best and trials[best].returns and trials[0].returns:
        differences = np.mean(trials[best].returns, axis=0) - np.mean(trials[0].returns, axis=0)  # (E,), by seed
        half = 1.96 * differences.std(ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else float("inf")
        lines[-1] += f"; the best one returned {differences.mean():.1f} ± {half:.1f} more on the same seeds (95 %)"
    return lines


def resumed(path: Path, origin: dict[str, Any]) -> list[Trial]:
    """The trials so far; those of another origin are moved away."""
    before, trials = read_trials(path)
    others = sorted(name for name in before.keys() | origin.keys() if before.get(name) != origin.get(name))
    if not before or not others:
        return trials
    former = path.with_name("trials.former.json")
    os.replace(path, former)
    print(f"{path}: of other {', '.join(others)}, so none is used again; they are in {former.name}", file=sys.stderr)
    return []


def _seeds_of(project: Params) -> dict[str, range]:
    """The seeds that others use, by the key that says so."""
    seeds = {"evaluation.first_seed": project.evaluation.seeds}
    if project.expert is not None and project.rollouts is not None:
        seeds |= {"expert.seed": project.expert.seeds, "rollouts.first_seed": project.rollouts.seeds}
    for name, block in (project.improvement.root if project.improvement is not None else {}).items():
        seeds[f"improvement.{name}.first_seed"] = block.seeds
        seeds[f"improvement.{name}.evaluation_first_seed"] = block.evaluation_seeds
    return seeds


def _value(search: SearchParams, trial: Trial) -> str:
    return f"{trial.value:.1f}" if search.objective == "return" else f"{trial.value:.4f}"
