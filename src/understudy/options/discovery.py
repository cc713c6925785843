"""Options in demonstrations that carry no labels: policies that act in a region of the states and last.

An option o is the hidden state of a hidden Markov model over the steps of an episode. At each step it explains the demonstrated
action by a linear policy of its own, and, with a small weight w, the state by a region of its own:

    log p(s_t, a_t | o) = log pi_o(a_t | s_t) + w log N(s_t; m_o, v_o)

With w = 0 this is the segmentation of Fox et al., "Multi-level discovery of deep options" (2017); there, the likeliest fits leave
some options without use. The region keeps options apart. Rows of the transition matrix have a Dirichlet prior that favours
staying (Fox et al., "A sticky HDP-HMM", 2011), so that options last. Labels are Viterbi paths: they look ahead, which a policy
that learns from them never does.

hmmlearn runs forward-backward and Viterbi, compiled; scikit-learn fits the linear policies.
"""

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from hmmlearn.base import BaseHMM
from scipy.special import log_softmax
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from understudy.errors import DataError
from understudy.params.options import OptionParams
from understudy.sequences.store import Sequences
from understudy.spec import EnvironmentSpec

PRIOR_STEPS = 100.0
SMALLEST_VARIANCE = 0.05
SMALLEST_WEIGHT = 1e-4
STAYS_AT_FIRST = 0.9
ENOUGH_GAIN = 1.0  # a round that adds less to the log-likelihood is the last


@dataclass(frozen=True)
class OptionModel:
    """A fitted model; `label` says which option is under way at each step of any sequences of the same environment."""

    hmm: "OptionHMM"

    def label(self, sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
        """Options (N,) int16, and terminations (N,) bool: where another option begins than before, or an episode."""
        with threadpool_limits(1):
            options = self.hmm.predict(step_features(sequences), np.diff(sequences.offsets)).astype(np.int16)
        terminations = np.diff(options, prepend=options[:1]) != 0
        terminations[sequences.offsets[:-1]] = True
        return options, terminations


def find_options(sequences: Sequences, params: OptionParams) -> OptionModel:
    """Fit the model from several starting points and keep the likeliest.

    Raises:
        DataError: fewer steps than options, or no fit with a finite likelihood.
    """
    if sequences.num_steps < params.count:
        raise DataError(f"options: expected at least {params.count} steps, one an option, got {sequences.num_steps}")
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    features, lengths = step_features(sequences), np.diff(sequences.offsets)
    tendencies = _centred_mean(_action_vectors(sequences), sequences.offsets, params.smoothing)
    best, best_score = None, -np.inf
    for restart in range(params.restarts):
        model = OptionHMM(sequences.spec, params, params.seed + restart, tendencies)
        with threadpool_limits(1), warnings.catch_warnings():  # sums over threads would differ from run to run
            warnings.simplefilter("ignore", ConvergenceWarning)  # a few steps of the inner fit a round are enough
            model.fit(features, lengths)
            score = model.score(features, lengths)
        if score > best_score:
            best, best_score = model, score
    if best is None:
        raise DataError(f"options: expected a fit of {params.count} options with a finite likelihood, got none")
    return OptionModel(best)


def step_features(sequences: Sequences) -> np.ndarray:
    """What the model sees of each step, float64: the normalised state, then the demonstrated action, (N, S + 1 or A).

    A vector's entries are between -1 and 1, so that what is found does not hang on the environment's units.
    """
    task = sequences.task
    actions = task.normalize_actions(sequences.labels)
    columns = [task.normalize_states(sequences.states), actions[:, None] if task.discrete_actions else actions]
    return np.concatenate(columns, axis=1).astype(np.float64)


class OptionHMM(BaseHMM):  # type: ignore[misc]
    """hmmlearn's extension point: a hidden Markov model with the emissions of this module."""

    def __init__(self, spec: EnvironmentSpec, params: OptionParams, seed: int, tendencies: np.ndarray) -> None:
        self.transitions = np.where(np.eye(params.count), 1 - 1 / params.dwell, 1 / params.dwell / (params.count - 1))
        super().__init__(
            params.count,
            transmat_prior=1 + PRIOR_STEPS * self.transitions,
            n_iter=params.iterations,
            tol=ENOUGH_GAIN,
            random_state=seed,
        )
        self.state_weight = params.state_weight
        self.tendencies = tendencies
        self.action_entries = 1 if spec.discrete_actions else spec.action_dim
        self.policies = [_LinearPolicy(spec.discrete_actions) for _ in range(params.count)]

    def _init(self, X: np.ndarray, lengths: np.ndarray | None = None) -> None:
        super()._init(X, lengths)
        self.transmat_ = self.transitions
        states = X[:, : -self.action_entries]
        described = np.concatenate([states, _standardised(self.tendencies)], axis=1)
        clusters = KMeans(self.n_components, n_init=4, random_state=self.random_state).fit_predict(described)
        first = np.full((len(X), self.n_components), (1 - STAYS_AT_FIRST) / self.n_components)
        first[np.arange(len(X)), clusters] += STAYS_AT_FIRST
        self._fit_emissions(X, first)

    def _get_n_fit_scalars_per_param(self) -> None:
        """Nothing by which hmmlearn would warn of too little data: the priors make up for it."""

    def _fit_emissions(self, X: np.ndarray, posteriors: np.ndarray) -> None:
        states, actions = X[:, : -self.action_entries], X[:, -self.action_entries :]
        share = posteriors / np.maximum(posteriors.sum(axis=0), SMALLEST_WEIGHT)
        self.means = share.T @ states
        self.variances = np.maximum(share.T @ states**2 - self.means**2, SMALLEST_VARIANCE)
        for option, policy in enumerate(self.policies):
            policy.fit(states, actions, posteriors[:, option] + SMALLEST_WEIGHT)

    def _compute_log_likelihood(self, X: np.ndarray) -> np.ndarray:
        states, actions = X[:, : -self.action_entries], X[:, -self.action_entries :]
        squared = (states[:, None] - self.means) ** 2 / self.variances  # (N, O, S)
        region = -0.5 * (squared + np.log(self.variances)).sum(-1)
        acting = np.stack([policy.log_likelihood(states, actions) for policy in self.policies], axis=1)
        return acting + self.state_weight * region

    def _initialize_sufficient_statistics(self) -> dict[str, Any]:
        return super()._initialize_sufficient_statistics() | {"steps": [], "posteriors": []}

    def _accumulate_sufficient_statistics(
        self, stats: dict[str, Any], X: np.ndarray, lattice: np.ndarray, posteriors: np.ndarray, *passes: np.ndarray
    ) -> None:
        super()._accumulate_sufficient_statistics(stats, X, lattice, posteriors, *passes)
        stats["steps"].append(X)
        stats["posteriors"].append(posteriors)

    def _do_mstep(self, stats: dict[str, Any]) -> None:
        super()._do_mstep(stats)
        self._fit_emissions(np.concatenate(stats["steps"]), np.concatenate(stats["posteriors"]))


class _LinearPolicy:
    """pi(a | s): a softmax of a linear map for choices, a Gaussian around a linear map for vectors."""

    def __init__(self, discrete_actions: bool) -> None:
        self.discrete_actions = discrete_actions
        self.model = LogisticRegression(max_iter=8, warm_start=True) if discrete_actions else Ridge()

    def fit(self, states: np.ndarray, actions: np.ndarray, weights: np.ndarray) -> None:
        if self.discrete_actions:
            self.always = actions[0, 0] if (actions == actions[0]).all() else None
            if self.always is None:
                self.model.fit(states, actions[:, 0], sample_weight=weights)
            return
        self.model.fit(states, actions, sample_weight=weights)
        squared = np.square(actions - self.model.predict(states).reshape(actions.shape))
        self.variance = np.average(squared, axis=0, weights=weights) + 1e-3

    def log_likelihood(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        if not self.discrete_actions:
            squared = np.square(actions - self.model.predict(states).reshape(actions.shape))
            return -0.5 * (squared / self.variance + np.log(2 * np.pi * self.variance)).sum(-1)
        if self.always is not None:  # a demonstrator of one action needs no fit
            return np.where(actions[:, 0] == self.always, 0.0, np.log(SMALLEST_WEIGHT))
        known = np.searchsorted(self.model.classes_, actions[:, 0]).clip(max=len(self.model.classes_) - 1)
        seen = self.model.classes_[known] == actions[:, 0]
        scores = self.model.decision_function(states)
        if scores.ndim == 1:  # of two classes the second one's, against zero
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        # Not predict_log_proba, whose probabilities may be so small that they are zero before their logarithm is taken.
        logs = log_softmax(scores, axis=1)[np.arange(len(states)), known]
        return np.where(seen, logs, np.log(SMALLEST_WEIGHT))


def _action_vectors(sequences: Sequences) -> np.ndarray:
    if sequences.spec.num_actions is None:
        return np.asarray(sequences.labels, dtype=np.float64)
    return np.eye(sequences.spec.num_actions)[np.asarray(sequences.labels, dtype=np.int64)]


def _standardised(values: np.ndarray) -> np.ndarray:
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


def _centred_mean(values: np.ndarray, offsets: np.ndarray, window: int) -> np.ndarray:
    """Mean of values (N, A) over the `window` steps around each, cut off at its episode's ends."""
    starts, ends = np.repeat(offsets[:-1], np.diff(offsets)), np.repeat(offsets[1:], np.diff(offsets))
    steps = np.arange(len(values))
    first, last = np.maximum(steps - (window - 1) // 2, starts), np.minimum(steps + window // 2 + 1, ends)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return (sums[last] - sums[first]) / (last - first)[:, None]
