"""What a policy looked at: all of it within the past, and the same as what is shown of steps back."""

import numpy as np
import torch

from tests.builders import CHOICES, random_episodes
from tests.log_evaluation.test_follow import policy
from understudy.models.mlp import MultilayerPerceptron
from understudy.policies.files import TrainedPolicy
from understudy.replay.insight import attention_to_steps, look


def test_attention_goes_to_no_later_step_and_sums_to_one():
    [episode] = random_episodes(CHOICES, [7])
    trained = policy()
    weights = attention_to_steps(trained, episode)
    np.testing.assert_allclose(weights.sum(axis=1), np.ones(7), rtol=1e-5)
    assert (np.triu(weights, 1) == 0).all() and (np.tril(weights) > 0).sum() == 28
    back = look(trained, episode).attention
    np.testing.assert_allclose(back[5, :6], weights[5, 5::-1], rtol=1e-6)


def test_what_does_not_attend_looked_at_nothing():
    torch.manual_seed(0)
    [episode] = random_episodes(CHOICES, [3])
    model = MultilayerPerceptron(3, 3, 8, 1, True)
    assert attention_to_steps(TrainedPolicy(model, "mlp", {}, policy().interface), episode) is None
