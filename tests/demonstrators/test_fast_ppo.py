"""The fast loops against stable-baselines3's own, which are run on the same weights, actions and permutations."""

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from tests.toys import CountingEnvironment
from understudy.demonstrators.fast_ppo import Choices, FastPPO, Vectors, Weights
from understudy.environments.replay import ReplayableEnvironment

COLUMNS = ("observations", "actions", "rewards", "episode_starts", "values", "log_probs", "advantages", "returns")
KINDS = pytest.mark.parametrize("discrete", [True, False], ids=["choices", "vectors"])


def cut_short(discrete: bool) -> gymnasium.Env:
    """Episodes of 2 to 5 steps: those of 5 are cut off after 4, those of 4 end at the very step at which they would be."""
    return gymnasium.wrappers.TimeLimit(CountingEnvironment(vector=not discrete), 4)


def make(algorithm: type[PPO], discrete: bool, activation: type[nn.Module] = nn.ReLU, **arguments) -> PPO:
    given = {"n_steps": 20, "batch_size": 16, "n_epochs": 3, "ent_coef": 0.1, "max_grad_norm": 0.3} | arguments
    widths = {"net_arch": [16, 24], "activation_fn": activation}
    environments = DummyVecEnv([lambda: ReplayableEnvironment(cut_short(discrete))] * 3)
    model = algorithm("MlpPolicy", environments, seed=0, device="cpu", policy_kwargs=widths, **given)
    model._setup_learn(1000, CallbackList([]))
    return model


def collect(model: PPO) -> None:
    """One rollout, in as many processes as the model has been given."""
    callback = CallbackList([])
    callback.init_callback(model)
    assert model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)


def weights(model: PPO) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in model.policy.state_dict().items()}


@KINDS
def test_both_begin_with_the_same_weights(discrete):
    ours, theirs = weights(make(FastPPO, discrete)), weights(make(PPO, discrete))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@KINDS
def test_a_rollout_holds_what_the_library_would_have_put_there(discrete, monkeypatch):
    """The library plays the actions that ours drew; `distribution.get_actions` is where it would draw its own."""
    ours, theirs = make(FastPPO, discrete), make(PPO, discrete)
    collect(ours)
    drawn = iter(torch.from_numpy(ours.rollout_buffer.actions))
    kind = type(theirs.policy.action_dist)
    monkeypatch.setattr(
        kind, "get_actions", lambda self, deterministic: next(drawn).flatten() if discrete else next(drawn)
    )
    collect(theirs)
    for name in COLUMNS:
        mine, other = getattr(ours.rollout_buffer, name), getattr(theirs.rollout_buffer, name)
        assert mine.shape == other.shape and mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4, err_msg=name)
    assert ours.num_timesteps == theirs.num_timesteps == 60
    np.testing.assert_array_equal(ours._last_obs, theirs._last_obs)
    assert len(np.unique(ours.rollout_buffer.actions)) > 2


@KINDS
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
@pytest.mark.parametrize("batch_size", [16, 20, 59])
def test_an_update_moves_the_weights_as_the_library_does(discrete, activation, batch_size):
    """60 steps in batches of 16 leave 12 over, in batches of 59 a single one, whose advantage is not normalised."""
    ours, theirs = (make(kind, discrete, activation, batch_size=batch_size) for kind in (FastPPO, PPO))
    before = weights(theirs)
    collect(theirs)
    for name in COLUMNS:
        setattr(ours.rollout_buffer, name, getattr(theirs.rollout_buffer, name).copy())
    for model in (ours, theirs):
        np.random.seed(3)
        model._logger = theirs.logger
        model.train()
    mine, other = weights(ours), weights(theirs)
    for name, values in other.items():
        assert not torch.equal(values, before[name]), name
        torch.testing.assert_close(mine[name], values, rtol=1e-3, atol=2e-5, msg=name)


@KINDS
def test_a_second_process_changes_nothing(discrete):
    """Two rollouts of 20 steps with an update between them, and where each environment stands after them."""
    alone, together = (make(FastPPO, discrete) for _ in range(2))
    together.processes = 2
    for model in (alone, together):
        torch.manual_seed(1)
        np.random.seed(1)
        collect(model)
        model.train()
        collect(model)
    assert together._helper is not None and alone._helper is None
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(alone.rollout_buffer, name), getattr(together.rollout_buffer, name), name)
    for mine, theirs in zip(alone.snapshots(), together.snapshots(), strict=True):
        np.testing.assert_array_equal(mine["actions"], theirs["actions"])
    together._helper.close()


def test_choices_are_drawn_at_their_probabilities():
    torch.manual_seed(0)
    probabilities, choices = torch.tensor([0.5, 0.3, 0.15, 0.05]), Choices()
    drawn = choices.sample(probabilities.log().expand(40_000, 4) + 7, choices.draw_noise(40_000, 4))
    shares = torch.bincount(drawn[:, 0], minlength=4) / 40_000
    torch.testing.assert_close(shares, probabilities, rtol=0, atol=0.01)


def test_vectors_are_drawn_around_their_means():
    torch.manual_seed(0)
    vectors = Vectors(Weights(torch.tensor([0.5, 2.0]).log(), torch.zeros(2)))
    drawn = vectors.sample(torch.tensor([1.0, -3.0]).expand(40_000, 2), vectors.draw_noise(40_000, 2))
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, -3.0]), rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.5, 2.0]), rtol=0.03, atol=0)
