"""The next setting, by Optuna, as a pure function of the search and of the trials so far.

require_optuna()                -- a sentence where it is not installed
next_values(search, trials)     -- what to try
Pruner(search, trials, values)  -- whether to give a trial up
importances(search, trials)     -- how much each parameter matters

A study is made anew for each trial, in memory, of the list of trials, with a sampler seeded by its number. A sampler that lives
on would have drawn other numbers after an interruption, and a Gaussian process would begin its fit where it had ended the last.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from understudy.params.search import ParameterRange, SearchParams, Value
from understudy.search.trial import COMPLETE, Trial
from understudy.sources.optional import import_optional

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study

DIGITS = 4  # of a drawn number: as many as a person would write into params.yaml


def require_optuna() -> None:
    """Raise a ParameterError that names the extra where Optuna is not installed."""
    import_optional("optuna", "search", "searches")


def next_values(search: SearchParams, trials: Sequence[Trial], first: Mapping[str, Value]) -> dict[str, Any]:
    """The setting of the next trial; the first is that of params.yaml."""
    if not trials:
        return dict(first)
    torch.set_num_threads(1)  # a Gaussian process sums in another order with more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sampler is experimental, or a parameter drawn on its own
        asked = _study(search, _as_seen(search, trials)).ask(_distributions(search))
    return {key: _rounded(asked.params[key], parameter) for key, parameter in search.space.items()}


class Pruner:
    """Is told a trial's validation losses, and says whether it should be given up.

    The direction of what is told is that of a loss, whatever the objective is.
    """

    def __init__(self, search: SearchParams, trials: Sequence[Trial], values: Mapping[str, Value]) -> None:
        self.trial = None
        if search.pruning is not None:
            study = _study(search, trials)
            study.enqueue_trial(dict(values))
            self.trial = study.ask(_distributions(search))

    def gives_up(self, step: int, loss: float) -> bool:
        """Whether a trial with this validation loss at this optimizer step should be given up."""
        if self.trial is None:
            return False
        self.trial.report(loss, step)
        return self.trial.should_prune()


def importances(search: SearchParams, trials: Sequence[Trial]) -> dict[str, float]:
    """The share of each parameter in the variance of the objective, by a random forest (fANOVA); empty with too few trials."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    complete = [each for each in trials if each.state == COMPLETE]
    if len({each.value for each in complete}) < 2:
        return {}
    study = _study(search, complete)
    return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=search.seed)))


def _as_seen(search: SearchParams, trials: Sequence[Trial]) -> Sequence[Trial]:
    """The trials as the sampler is to see them.

    A Gaussian process knows nothing of a trial without a value, and would propose it again. So one that was given up, or failed,
    is as good as the worst of the others.
    """
    if search.sampler != "gp":
        return trials
    values = [each.value for each in trials if each.value is not None]
    worst = min(values) if search.objective == "return" else max(values)
    return [each if each.value is not None else replace(each, state=COMPLETE, value=worst) for each in trials]


def _study(search: SearchParams, trials: Sequence[Trial]) -> "Study":
    """The trials so far as Optuna's; all objectives are minimised."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = int(np.random.SeedSequence([search.seed, len(trials)]).generate_state(1)[0])
    kind = optuna.samplers.GPSampler if search.sampler == "gp" else optuna.samplers.TPESampler
    sampler: BaseSampler = kind(n_startup_trials=search.startup_trials, seed=seed)
    how, pruner = search.pruning, None
    if how is not None:
        pruner = optuna.pruners.PercentilePruner(how.percentile, how.startup_trials, how.warmup_steps)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    sign, distributions = -1.0 if search.objective == "return" else 1.0, _distributions(search)
    states = optuna.trial.TrialState
    for each in trials:
        # A failed trial counts as one given up at once: a sampler that is told of a failure leaves it out, and draws it again.
        study.add_trial(
            optuna.trial.create_trial(
                state=states.COMPLETE if each.state == COMPLETE else states.PRUNED,
                value=None if each.value is None else sign * each.value,
                params=each.values,
                distributions=distributions,
                intermediate_values=dict(each.validation),
            )
        )
    return study


def _distributions(search: SearchParams) -> "dict[str, BaseDistribution]":
    return {key: _distribution(parameter) for key, parameter in search.space.items()}


def _distribution(parameter: ParameterRange) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.choices is not None:
        return CategoricalDistribution(parameter.choices)
    low, high, step = parameter.low, parameter.high, parameter.step
    assert low is not None and high is not None
    if parameter.whole:
        return IntDistribution(int(low), int(high), log=parameter.log, step=int(step or 1))
    return FloatDistribution(low, high, log=parameter.log, step=step)


def _rounded(value: Any, parameter: ParameterRange) -> Any:
    """A drawn number with a few digits, within its range; a whole one, a choice or a step as it is."""
    if not isinstance(value, float) or parameter.choices is not None or parameter.step is not None:
        return value
    assert parameter.low is not None and parameter.high is not None
    return float(min(max(float(f"{value:.{DIGITS}g}"), parameter.low), parameter.high))
