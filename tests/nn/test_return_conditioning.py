"""Returns that are asked for: which they are, what is left of them, and what an expert would have."""

import math
import warnings

import pytest
import torch

from understudy.nn.return_conditioning import (
    DEFAULT_TARGET,
    HIGH,
    LOW,
    ReturnDistribution,
    ReturnEmbedding,
    add_reward,
    resolve_target,
)
from understudy.nn.row_memory import RowMemory
from understudy.step import Step

QUANTILES = (-100.0, 0.0, 50.0, 200.0, 300.0)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (120.0, 120.0),
        (-100.0, -100.0),
        (-60.0, -60.0),
        (260.0, 260.0),
        (300.0, 300.0),
        ({"quantile": 0.0}, -100.0),
        ({"quantile": 1.0}, 300.0),
        ({"quantile": 0.6}, 110.0),
        (DEFAULT_TARGET, 260.0),  # the share 0.9
    ],
)
def test_a_target_is_a_number_or_a_share_of_the_training_returns(target, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_target(target, QUANTILES) == pytest.approx(expected)


@pytest.mark.parametrize("target", [-101.0, 300.5])
def test_a_target_outside_of_what_was_seen_is_a_warning_with_the_range(target):
    with pytest.warns(UserWarning, match=rf"target_return: {target:g} is outside of what .* returned, -100 to 300"):
        assert resolve_target(target, QUANTILES) == target


@pytest.mark.parametrize(
    ("target", "quantiles", "sentence"),
    [
        (math.nan, QUANTILES, "target_return: expected a finite number, got nan"),
        (math.inf, (), "target_return: expected a finite number, got inf"),
        ({"quantile": 1.5}, QUANTILES, r"target_return: expected a quantile from 0 to 1, got \{'quantile': 1.5\}"),
        ({"quantile": 0.5}, (), "target_return: expected a number, since nothing is known of the training returns"),
    ],
)
def test_what_is_no_target_is_refused(target, quantiles, sentence):
    with pytest.raises(ValueError, match=sentence):
        resolve_target(target, quantiles)


def test_what_was_paid_adds_up_and_begins_anew_with_an_episode():
    memory = RowMemory(2, {"reward_so_far": torch.zeros(2)})
    sums = [add_reward(memory, step(rewards)).tolist() for rewards in ([0.0, 0.0], [1.0, -2.0], [3.0, 0.5])]
    assert sums == [[0, 0], [1, -2], [4, -1.5]]
    memory.reset(torch.tensor([1]))
    assert add_reward(memory, step([1.0, 0.0])).tolist() == [5, 0]


def step(rewards: list[float]) -> Step:
    return Step(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), torch.tensor(rewards), torch.zeros(2) > 0)


def test_a_return_s_token_is_a_linear_map_of_it():
    embed = ReturnEmbedding(4)
    returns = torch.randn(2, 3)
    expected = returns[..., None] * embed.project.weight[:, 0] + embed.project.bias
    torch.testing.assert_close(embed(returns), expected)


def test_returns_beyond_the_bins_lie_in_the_outermost_ones():
    head = ReturnDistribution(3, 4)  # of width 2 from -4 to 4
    assert head.bins(torch.tensor([-9.0, -4.0, -0.5, 0.0, 3.9, 4.0, 99.0])).tolist() == [0, 0, 1, 2, 3, 3, 3]
    assert head.centres.tolist() == [-3, -1, 1, 3]
    assert head(torch.randn(2, 5, 3)).shape == (2, 5, 4)


def test_an_expert_has_more_than_the_data_by_kappa():
    """Two bins, of which the data have the lower one with e times the chance; half of the range lies between their centres."""
    head = ReturnDistribution(1, 2)
    with torch.no_grad():
        head.predict.weight.zero_()
        head.predict.bias.copy_(torch.tensor([1.0, 0.0]))
    lower, upper = LOW + (HIGH - LOW) / 4, LOW + 3 * (HIGH - LOW) / 4
    assert [head.expert(torch.zeros(1, 1), kappa).item() for kappa in (0.0, 1.9, 2.1)] == [lower, lower, upper]


def test_where_the_bins_lie_is_no_weight():
    assert set(ReturnDistribution(1, 2).state_dict()) == {"predict.weight", "predict.bias"}
