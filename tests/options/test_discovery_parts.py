"""The parts of the model in which options are found, against scipy's densities, closed forms and literals."""

import warnings

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from tests.builders import CHOICES, SPECS, VECTORS, two_rules
from tests.options.test_discovery import PARAMS
from understudy.options.discovery import (
    OptionHMM,
    _action_vectors,
    _centred_mean,
    _LinearPolicy,
    _standardised,
    find_options,
)

NOTHING = np.zeros((1, 2))


def option_hmm(spec=VECTORS, tendencies=NOTHING, **changes) -> OptionHMM:
    """Two options, of which nothing is fitted yet."""
    return OptionHMM(spec, PARAMS.model_copy(update=changes), 0, tendencies)


class Silent:
    """A policy that notes how steps are weighted, and finds every action equally likely."""

    def fit(self, states, actions, weights) -> None:
        self.states, self.actions, self.weights = states, actions, weights

    def log_likelihood(self, states, actions) -> np.ndarray:
        return np.arange(len(states)) / 8.0


def test_an_option_explains_the_action_and_by_its_weight_the_state():
    """scipy's density of the normal distribution, but for log(2 pi) / 2 an entry, which is the same for all options."""
    hmm, generator = option_hmm(state_weight=0.25), np.random.default_rng(0)
    hmm.policies = [Silent(), Silent()]
    hmm.means, hmm.variances = generator.normal(size=(2, 3)), generator.uniform(0.1, 2.0, (2, 3))
    steps = generator.normal(size=(5, 5))
    density = norm.logpdf(steps[:, None, :3], hmm.means, np.sqrt(hmm.variances)) + np.log(2 * np.pi) / 2
    expected = np.arange(5)[:, None] / 8 + 0.25 * density.sum(-1)
    np.testing.assert_allclose(hmm._compute_log_likelihood(steps), expected, rtol=1e-12)


def test_a_region_has_the_mean_and_the_variance_of_its_steps():
    """By their shares: three quarters of 1 and a quarter of 5 are 2 and, with 3 of a variance; two entries hardly vary."""
    hmm = option_hmm()
    hmm.policies = [Silent(), Silent()]
    steps = np.array([[1.0, 4.0, -0.5, 9.0, 8.0], [5.0, 4.0, -0.5, 7.0, 6.0], [3.0, 4.0, -0.4, 0.0, 0.0]])
    posteriors = np.array([[0.75, 0.25], [0.25, 0.75], [0.0, 1.0]])
    hmm._fit_emissions(steps, posteriors)
    np.testing.assert_allclose(hmm.means, [[2.0, 4.0, -0.5], [3.5, 4.0, -0.45]], rtol=1e-12)
    np.testing.assert_allclose(hmm.variances, [[3.0, 0.05, 0.05], [1.75, 0.05, 0.05]], rtol=1e-12)
    for option, policy in enumerate(hmm.policies):
        np.testing.assert_array_equal(policy.states, steps[:, :3])
        np.testing.assert_array_equal(policy.actions, steps[:, 3:])
        np.testing.assert_allclose(policy.weights, posteriors[:, option] + 1e-4, rtol=1e-12)


def test_a_fit_ends_with_the_first_round_that_gains_less_than_one():
    sequences = two_rules(CHOICES, seed=0)[0]
    found = find_options(sequences, PARAMS.model_copy(update={"iterations": 200, "restarts": 1}))
    gains = np.diff(found.hmm.monitor_.history)
    assert 2 < len(gains) < 199
    assert 0.1 < gains[-1] < 1.0 <= gains[:-1].min()


@pytest.mark.parametrize("spec", SPECS)
def test_an_option_without_a_step_breaks_nothing(spec):
    hmm, steps = option_hmm(spec), np.random.default_rng(0).normal(size=(6, 5))
    steps[:, 3:] = np.arange(12).reshape(6, 2) % 3
    steps = steps if spec == VECTORS else steps[:, :4]
    hmm._fit_emissions(steps, np.eye(2)[[0] * 6])
    assert np.isfinite(hmm._compute_log_likelihood(steps)).all()


def test_a_fit_begins_with_clusters_of_states_and_of_what_is_usually_done():
    """Two clusters by state here, by standardised tendencies there; the state or the tendency alone tells nothing."""
    rng, half = np.random.default_rng(0), np.repeat([0, 1], 20)
    for states, tendencies in ((5.0 * half, rng.normal(0, 1e-3, 40)), (0.1 * rng.normal(size=40), 1e-3 * half)):
        hmm = option_hmm(CHOICES, tendencies=np.stack([tendencies, np.full(40, 2.0)], axis=1), dwell=10.0)
        first = []
        hmm._fit_emissions = lambda _, posteriors, first=first: first.append(posteriors)
        hmm._init(np.stack([states, states, states, half], axis=1))
        np.testing.assert_allclose(np.sort(first[0], axis=1), [[0.05, 0.95]] * 40)
        if states.max() == 5.0:
            assert set(map(tuple, first[0][:20])) != set(map(tuple, first[0][20:]))
            assert len(set(map(tuple, first[0][:20]))) == 1
        np.testing.assert_allclose(hmm.transmat_, [[0.9, 0.1], [0.1, 0.9]])


def test_a_round_counts_switches_on_top_of_the_prior():
    """100 steps of each option at the prior's rate of 1 in 30, and 20 stays and 4 switches that were seen."""
    hmm = option_hmm()
    hmm._fit_emissions = lambda steps, posteriors: None
    stats = {"nobs": 1, "start": np.array([3.0, 1.0]), "trans": np.array([[20.0, 4.0], [0.0, 0.0]])}
    hmm.startprob_, hmm.transmat_ = np.array([0.5, 0.5]), hmm.transitions
    hmm._do_mstep(stats | {"steps": [np.zeros((1, 5))], "posteriors": [np.ones((1, 2))]})
    np.testing.assert_allclose(hmm.startprob_, [0.75, 0.25])
    stays = 100 * 29 / 30
    np.testing.assert_allclose(hmm.transmat_, [[(stays + 20) / 124, (100 / 30 + 4) / 124], [1 / 30, 29 / 30]])


def test_a_linear_policy_of_vectors_is_a_weighted_ridge_regression():
    """The closed form with an intercept that is not shrunk, and the likelihood of scipy's normal distribution."""
    generator = np.random.default_rng(0)
    states, actions = generator.normal(size=(30, 3)), generator.normal(size=(30, 2))
    weights = generator.uniform(0.1, 3.0, 30)
    policy = _LinearPolicy(discrete_actions=False)
    policy.fit(states, actions, weights)
    centred_states, centred = (each - np.average(each, axis=0, weights=weights) for each in (states, actions))
    weighted = centred_states.T * weights
    slope = np.linalg.solve(weighted @ centred_states + np.eye(3), weighted @ centred)
    predicted = np.average(actions, axis=0, weights=weights) + centred_states @ slope
    variance = np.average((actions - predicted) ** 2, axis=0, weights=weights) + 1e-3
    expected = norm.logpdf(actions, predicted, np.sqrt(variance)).sum(-1)
    np.testing.assert_allclose(policy.log_likelihood(states, actions), expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_a_linear_policy_of_choices_goes_on_where_it_was_in_the_round_before():
    """A round takes few steps towards the optimum; a policy that began anew would never come nearer."""
    generator = np.random.default_rng(0)
    states = generator.normal(size=(300, 3)) * [1.0, 10.0, 100.0]
    actions = (states @ [1.0, -0.2, 0.03] + generator.logistic(size=300) > 0)[:, None] * 2.0
    policy, distances = _LinearPolicy(discrete_actions=True), []
    optimum = LogisticRegression(max_iter=10_000, tol=1e-10).fit(states, actions[:, 0])
    expected = optimum.predict_log_proba(states)[np.arange(300), (actions[:, 0] > 0).astype(int)]
    for _ in range(30):
        policy.fit(states, actions, np.ones(300))
        distances.append(np.abs(policy.log_likelihood(states, actions) - expected).max())
    assert distances[0] > 0.1
    assert distances[-1] < 0.01


@pytest.mark.parametrize("steps", [1, 4])
def test_where_one_action_was_seen_the_others_are_next_to_impossible(steps):
    policy = _LinearPolicy(discrete_actions=True)
    policy.fit(np.zeros((steps, 3)), np.full((steps, 1), 2.0), np.ones(steps))
    got = policy.log_likelihood(np.zeros((3, 3)), np.array([[0.0], [2.0], [1.0]]))
    np.testing.assert_allclose(got, [np.log(1e-4), 0.0, np.log(1e-4)])


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (1, [1, 2, 4, 8, 16, 32, 64]),
        (2, [1.5, 3, 6, 8, 24, 48, 64]),
        (3, [1.5, 7 / 3, 14 / 3, 6, 24, 112 / 3, 48]),
        (4, [7 / 3, 15 / 4, 14 / 3, 6, 112 / 3, 112 / 3, 48]),
        (9, [15 / 4, 15 / 4, 15 / 4, 15 / 4, 112 / 3, 112 / 3, 112 / 3]),
    ],
)
def test_smoothing_takes_the_steps_around_within_the_episode(window, expected):
    """An even window reaches one step further ahead than back."""
    values = np.array([1.0, 2, 4, 8, 16, 32, 64])
    got = _centred_mean(np.stack([values, -values], axis=1), np.array([0, 4, 7]), window)
    np.testing.assert_allclose(got, np.stack([expected, np.negative(expected)], axis=1), rtol=1e-12)


def test_standardised_columns_have_mean_zero_and_deviation_one():
    got = _standardised(np.array([[1.0, 7.0, 0.25], [3.0, 7.0, 0.75], [5.0, 7.0, 0.5]]))
    np.testing.assert_allclose(got.T, [[-(1.5**0.5), 0, 1.5**0.5], [0, 0, 0], [-(1.5**0.5), 1.5**0.5, 0]], atol=1e-12)


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_smoothed_is_in_double_precision(spec):
    sequences = two_rules(spec, seed=0, episodes=1)[0]
    got = _action_vectors(sequences)
    assert got.dtype == np.float64
    assert got.shape == (sequences.num_steps, 3 if spec == CHOICES else 2)


@pytest.mark.parametrize("choices", [2, 3])
def test_an_action_that_is_all_but_impossible_has_a_finite_likelihood(choices):
    """The logarithm of a softmax, where the softmax itself is zero in float64; without a warning of another library."""
    generator = np.random.default_rng(0)
    states = generator.normal(size=(200, 2))
    actions = np.digitize(states[:, 0], [0.0, 0.5][: choices - 1])[:, None].astype(float)
    policy = _LinearPolicy(True)
    policy.fit(states, actions, np.ones(200))
    far = np.asarray([[-1e4, 0.0], [1e4, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logs = [policy.log_likelihood(far, np.full((2, 1), float(choice))) for choice in range(choices)]
    assert np.isfinite(logs).all()
    assert np.min(logs) < -1000
    near = policy.model.predict_log_proba(states)
    np.testing.assert_allclose([policy.log_likelihood(states, np.full((200, 1), c)) for c in range(choices)], near.T)
