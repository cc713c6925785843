"""Point estimates against literals, bootstrap intervals against the formulas for a mean."""

import numpy as np
import pytest

from understudy.evaluation.statistics import Bootstrap, interquartile_mean, normalised_score

BOOTSTRAP = Bootstrap(resamples=1000, confidence=0.95, seed=0)


def draw(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(10.0, 2.0, size=count)


def difference(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    return first.mean(axis=axis) - second.mean(axis=axis)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], 4.5),
        ([1e9, 3, 6, 4, -1e9, 5, 7, 0], 4.5),
        ([0, 1, 2, 100], 1.5),
        ([5, 5, 5, 5], 5.0),
        ([2, 4], 3.0),
    ],
)
def test_interquartile_mean_of_the_middle_half(values, expected):
    assert interquartile_mean(np.asarray(values, float)) == expected


def test_score_is_linear_between_random_and_expert():
    expert, random = np.asarray([10.0, 14.0]), np.asarray([0.0, 4.0])  # means 12 and 2
    assert normalised_score(expert, expert, random) == 1.0
    assert normalised_score(random, expert, random) == 0.0
    assert normalised_score(np.asarray([6.0, 8.0]), expert, random) == 0.5
    assert normalised_score(np.asarray([22.0, 22.0]), expert, random) == 2.0
    assert normalised_score(np.asarray([-8.0, -8.0]), expert, random) == -1.0


def test_score_takes_the_mean_over_the_given_axis():
    expert, random = np.asarray([[10.0, 14.0], [20.0, 24.0]]), np.zeros((2, 2))
    policy = np.asarray([[6.0, 6.0], [11.0, 33.0]])
    assert normalised_score(policy, expert, random, axis=-1).tolist() == [0.5, 1.0]
    assert normalised_score(policy.T, expert.T, random.T, axis=0).tolist() == [0.5, 1.0]


def test_interval_of_a_constant_sample_is_the_point():
    interval = BOOTSTRAP.interval(np.mean, np.full(20, 7.5))
    assert (interval.low, interval.high) == (7.5, 7.5)


@pytest.mark.parametrize(("confidence", "quantile"), [(0.5, 0.674), (0.95, 1.96), (0.99, 2.576)])
def test_interval_of_a_mean_is_that_of_the_normal_distribution(confidence, quantile):
    values = draw(400)
    interval = Bootstrap(20_000, confidence, 0).interval(np.mean, values)
    half = quantile * values.std() / 20
    assert interval.low == pytest.approx(values.mean() - half, abs=0.05 * half + 0.005)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.05 * half + 0.005)


def test_an_interval_lies_between_percentiles_of_as_many_resamples_as_asked_for():
    """Of skewed values, for which bootstraps with a correction give other bounds."""
    values, generator = np.exp(draw(12)), np.random.default_rng(3)
    means = generator.choice(values, (50_000, 12)).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    interval = Bootstrap(50_000, 0.95, 0).interval(np.mean, values)
    assert interval.low == pytest.approx(low, rel=0.02)
    assert interval.high == pytest.approx(high, rel=0.02)
    sizes = []

    def counted(sample: np.ndarray, axis: int = -1) -> np.ndarray:
        sizes.append(sample.shape[0] if sample.ndim == 2 else 0)
        return sample.mean(axis=axis)

    Bootstrap(37, 0.95, 0).interval(counted, values)
    assert sum(sizes) == 37


def test_the_seed_decides_the_interval():
    values = draw(30)
    assert BOOTSTRAP.interval(np.mean, values) == Bootstrap(1000, 0.95, 0).interval(np.mean, values)
    assert BOOTSTRAP.interval(np.mean, values) != Bootstrap(1000, 0.95, 1).interval(np.mean, values)


def test_intervals_cover_the_truth_as_often_as_they_claim():
    """200 samples of 60: an interval of 80 % should cover the true mean 160 times, give or take 6."""
    intervals = [Bootstrap(400, 0.8, seed).interval(np.mean, draw(60, seed=seed)) for seed in range(200)]
    covered = sum(interval.low <= 10.0 <= interval.high for interval in intervals)
    assert 143 <= covered <= 175


def test_pairs_are_resampled_together():
    first = draw(50)
    second = first - 3.0
    interval = BOOTSTRAP.interval(difference, first, second)
    assert interval.low == pytest.approx(3.0)
    assert interval.high == pytest.approx(3.0)


def test_a_paired_interval_is_narrower_where_the_samples_are_correlated():
    first = draw(100)
    second = first + np.random.default_rng(2).normal(scale=0.2, size=100)
    paired = BOOTSTRAP.interval(difference, first, second)
    unpaired = BOOTSTRAP.interval(difference, first, np.random.default_rng(3).permutation(second))
    assert paired.high - paired.low < 0.2 * (unpaired.high - unpaired.low)
