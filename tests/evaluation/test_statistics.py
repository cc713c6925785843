"""Point estimates against literals, bootstrap intervals against the formulas for a mean."""

import numpy as np
import pytest
from scipy import stats

from understudy.evaluation import statistics
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
    interval = BOOTSTRAP.interval(np.mean, np.full((1, 20), 7.5))
    assert (interval.low, interval.high) == (7.5, 7.5)


@pytest.mark.parametrize(("confidence", "quantile"), [(0.5, 0.674), (0.95, 1.96), (0.99, 2.576)])
def test_interval_of_a_mean_is_that_of_the_normal_distribution(confidence, quantile):
    values = draw(400)
    interval = Bootstrap(20_000, confidence, 0).interval(np.mean, values[None])
    half = quantile * values.std() / 20
    assert interval.low == pytest.approx(values.mean() - half, abs=0.05 * half + 0.005)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.05 * half + 0.005)


def test_an_interval_lies_between_percentiles_of_as_many_resamples_as_asked_for():
    """Of skewed values, for which bootstraps with a correction give other bounds."""
    values, generator = np.exp(draw(12)), np.random.default_rng(3)
    means = generator.choice(values, (50_000, 12)).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    interval = Bootstrap(50_000, 0.95, 0).interval(np.mean, values[None])
    assert interval.low == pytest.approx(low, rel=0.02)
    assert interval.high == pytest.approx(high, rel=0.02)
    sizes = []

    def counted(sample: np.ndarray, axis: int = -1) -> np.ndarray:
        sizes.append(sample.shape[0] if sample.ndim == 2 else 0)
        return sample.mean(axis=axis)

    Bootstrap(37, 0.95, 0).interval(counted, values[None])
    assert sum(sizes) == 37


def test_the_seed_decides_the_interval():
    values = draw(30)
    assert BOOTSTRAP.interval(np.mean, values[None]) == Bootstrap(1000, 0.95, 0).interval(np.mean, values[None])
    assert BOOTSTRAP.interval(np.mean, values[None]) != Bootstrap(1000, 0.95, 1).interval(np.mean, values[None])


def test_intervals_cover_the_truth_as_often_as_they_claim():
    """200 samples of 60: an interval of 80 % should cover the true mean 160 times, give or take 6."""
    intervals = [Bootstrap(400, 0.8, seed).interval(np.mean, draw(60, seed=seed)[None]) for seed in range(200)]
    covered = sum(interval.low <= 10.0 <= interval.high for interval in intervals)
    assert 143 <= covered <= 175


def test_pairs_are_resampled_together():
    first = draw(50)
    second = first - 3.0
    interval = BOOTSTRAP.interval(difference, first[None], second[None])
    assert interval.low == pytest.approx(3.0)
    assert interval.high == pytest.approx(3.0)


def test_a_paired_interval_is_narrower_where_the_samples_are_correlated():
    first = draw(100)
    second = first + np.random.default_rng(2).normal(scale=0.2, size=100)
    paired = BOOTSTRAP.interval(difference, first[None], second[None])
    unpaired = BOOTSTRAP.interval(difference, first[None], np.random.default_rng(3).permutation(second)[None])
    assert paired.high - paired.low < 0.2 * (unpaired.high - unpaired.low)


# Several training seeds


def test_of_one_training_seed_an_interval_is_scipy_s():
    first, second = draw(40), draw(40, seed=2)
    for statistic, samples in ((np.mean, (first,)), (difference, (first, second))):
        got = BOOTSTRAP.interval(statistic, *(sample[None] for sample in samples))
        expected = stats.bootstrap(
            samples,
            statistic,
            n_resamples=1000,
            paired=True,
            method="percentile",
            batch=1000,
            rng=np.random.default_rng(0),
        ).confidence_interval
        assert (got.low, got.high) == (expected.low, expected.high)


def test_resamples_of_several_seeds_against_a_loop():
    """Each resample takes episodes, the same for all samples, and training seeds of each sample anew."""
    generator = np.random.default_rng(5)
    samples = [generator.normal(size=(seeds, 7)) for seeds in (3, 1, 2)]

    def statistic(one, other, third, axis=-1):
        return one.mean(axis=axis) + 2 * other.mean(axis=axis) - other.max(axis=axis) * third.min(axis=axis)

    generator, values = np.random.default_rng(8), []
    episodes = generator.integers(7, size=(200, 7))
    seeds = [generator.integers(len(sample), size=(200, len(sample))) for sample in samples]
    for number in range(200):
        means = []
        for sample, drawn in zip(samples, seeds, strict=True):
            rows = [[float(sample[seed][episode]) for episode in episodes[number]] for seed in drawn[number]]
            means.append(np.array([sum(column) / len(rows) for column in zip(*rows, strict=True)]))
        values.append(statistic(*means))
    expected = sorted(values)
    got = Bootstrap(200, 0.9, 8).interval(statistic, *samples)
    # The 5 % point of 200 numbers lies 0.95 of the way from the tenth to the eleventh, the 95 % point 0.05 of one.
    assert got.low == pytest.approx(expected[9] + 0.95 * (expected[10] - expected[9]))
    assert got.high == pytest.approx(expected[189] + 0.05 * (expected[190] - expected[189]))


def test_an_interval_of_two_seeds_knows_both_of_them():
    """A resample takes one twice, or each once."""
    interval = BOOTSTRAP.interval(np.mean, np.stack([np.zeros(5), np.ones(5)]))
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_an_interval_of_several_seeds_knows_both_doubts():
    """Means vary with the seeds by 1 / 30 ** 0.5, and with the episodes by 3 / 150 ** 0.5."""
    generator = np.random.default_rng(3)
    sample = generator.normal(size=(30, 1)) + 3 * generator.normal(size=150)
    seeds, episodes = sample.mean(axis=1).std(), sample.mean(axis=0).std()
    half = 1.96 * np.sqrt(seeds**2 / 30 + episodes**2 / 150)
    interval = Bootstrap(5000, 0.95, 0).interval(np.mean, sample)
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.05)
    assert (interval.low + interval.high) / 2 == pytest.approx(sample.mean(), abs=0.1 * half)


def test_seeds_without_doubt_leave_that_of_the_episodes():
    values = draw(200)
    one, several = (Bootstrap(5000, 0.95, 0).interval(np.mean, np.stack([values] * count)) for count in (1, 4))
    assert several.low == pytest.approx(one.low, abs=0.02)
    assert several.high == pytest.approx(one.high, abs=0.02)


def test_resamples_beyond_what_is_drawn_at_once_are_all_taken(monkeypatch):
    taken = []
    BOOTSTRAP.interval(lambda means, axis: taken.append(len(means)) or means.mean(axis), np.ones((2, 5)))
    monkeypatch.setattr(statistics, "RESAMPLES_AT_ONCE", 300)
    BOOTSTRAP.interval(lambda means, axis: taken.append(len(means)) or means.mean(axis), np.ones((2, 5)))
    assert taken == [1000, 300, 300, 300, 100]
