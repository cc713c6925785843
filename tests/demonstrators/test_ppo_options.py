"""Every argument of stable-baselines3's PPO that FastPPO would leave out is refused; the others do what they do there."""

import re

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor, NatureCNN
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

from tests.toys import CountingEnvironment
from understudy.demonstrators.fast_ppo import FastPPO
from understudy.environments.replay import ReplayableEnvironment


def environments(observation_space=None, action_space=None, vector: bool = False) -> DummyVecEnv:
    def make() -> gymnasium.Env:
        toy = CountingEnvironment(vector=vector)
        toy.observation_space = observation_space or toy.observation_space
        toy.action_space = action_space or toy.action_space
        return ReplayableEnvironment(toy)

    return DummyVecEnv([make, make])


def build(kind: type[PPO] = FastPPO, policy="MlpPolicy", env=None, **arguments) -> PPO:
    given = {"n_steps": 8, "batch_size": 16, "seed": 0, "device": "cpu"} | arguments
    return kind(policy, environments() if env is None else env, **given)


class OwnPolicy(ActorCriticPolicy):
    """Another policy than the library's."""


class OwnExtractor(FlattenExtractor):
    """Another features extractor than the library's."""


@pytest.mark.parametrize(
    ("name", "value", "expected", "got"),
    [
        ("clip_range_vf", 0.2, "None", "0.2"),
        ("clip_range_vf", 0, "None", "0"),
        ("target_kl", 0.01, "None", "0.01"),
        ("tensorboard_log", "logs", "None", "logs"),
        ("verbose", 1, "0, as nothing is logged", "1"),
        ("stats_window_size", 10, "100, the default, as no statistics are gathered", "10"),
        ("rollout_buffer_class", DictRolloutBuffer, "None or RolloutBuffer", str(DictRolloutBuffer)),
        ("device", "meta", "cpu", "meta"),
        ("policy", OwnPolicy, "MlpPolicy", "OwnPolicy"),
        ("policy", ActorCriticCnnPolicy, "MlpPolicy", "ActorCriticCnnPolicy"),
    ],
)
def test_an_argument_that_would_be_left_out_is_refused(name, value, expected, got):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name}: expected {expected}, got {got}')}$"):
        build(**{name: value})


def test_state_dependent_exploration_is_refused():
    with pytest.raises(ValueError, match=r"^use_sde: expected False, got True$"):
        build(env=environments(vector=True), use_sde=True)


@pytest.mark.parametrize(
    ("name", "value", "expected", "got"),
    [
        ("activation_fn", nn.ELU, "Tanh or ReLU", str(nn.ELU)),
        ("features_extractor_class", OwnExtractor, "FlattenExtractor", str(OwnExtractor)),
        ("features_extractor_class", NatureCNN, "FlattenExtractor", str(NatureCNN)),
        ("optimizer_class", torch.optim.AdamW, "Adam", str(torch.optim.AdamW)),
        ("net_arch", {"pi": [16], "vf": [24]}, "one list for actor and critic", "[[16], [24]]"),
        ("net_arch", {"pi": [16]}, "one list for actor and critic", "[[16], []]"),
    ],
)
def test_a_policy_argument_that_would_be_left_out_is_refused(name, value, expected, got):
    with pytest.raises(ValueError, match=f"^{re.escape(f'policy_kwargs.{name}: expected {expected}, got {got}')}$"):
        build(policy_kwargs={name: value})


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("observation_space", spaces.Discrete(3)),
        ("observation_space", spaces.MultiBinary(3)),
        ("observation_space", spaces.Box(-1, 1, (2, 2), np.float32)),
        ("observation_space", spaces.Box(0, 255, (3, 40, 40), np.uint8)),
        ("action_space", spaces.MultiDiscrete([2, 3])),
        ("action_space", spaces.MultiBinary(2)),
        ("action_space", spaces.Box(-1, 1, (2, 2), np.float32)),
        ("action_space", spaces.Box(-3, 3, (2,), np.int64)),
        ("action_space", spaces.Box(-1, 1, (2,), np.float16)),
    ],
)
def test_a_space_that_would_be_misread_is_refused(name, space):
    with pytest.raises(ValueError, match=rf"^{name}: expected .*, got {re.escape(str(space))}$"):
        build(env=environments(**{name: space}))


@pytest.mark.parametrize(
    ("env", "got"),
    [
        (lambda: VecNormalize(environments()), "VecNormalize"),
        (lambda: DummyVecEnv([CountingEnvironment]), "CountingEnvironment"),
        (lambda: CountingEnvironment(), "Monitor"),
    ],
)
def test_environments_that_it_would_step_past_are_refused(env, got):
    with pytest.raises(ValueError, match=f"^env: expected a DummyVecEnv of ReplayableEnvironments, got {got}$"):
        build(env=env())


@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"net_arch": [8]},
        {"net_arch": []},
        {"net_arch": {"pi": [8, 4], "vf": [8, 4]}},
        {"activation_fn": nn.ReLU, "ortho_init": False, "log_std_init": -1.5},
        {"share_features_extractor": False},
        {"features_extractor_class": FlattenExtractor, "optimizer_class": torch.optim.Adam},
    ],
)
def test_all_else_builds_the_librarys_networks(vector, given):
    ours, theirs = (build(kind, env=environments(vector=vector), policy_kwargs=given) for kind in (FastPPO, PPO))
    mine, other = ours.policy.state_dict(), theirs.policy.state_dict()
    assert mine.keys() == other.keys()
    assert all(torch.equal(mine[name], other[name]) for name in other)
    ours.learn(16)


def test_the_optimizers_arguments_reach_it():
    mine, other = (
        build(kind, policy_kwargs={"optimizer_kwargs": {"weight_decay": 0.1, "betas": (0.5, 0.9)}}).policy.optimizer
        for kind in (FastPPO, PPO)
    )
    for name in ("lr", "weight_decay", "betas", "eps", "amsgrad"):
        assert mine.param_groups[0][name] == other.param_groups[0][name], name
    assert build().policy.optimizer.param_groups[0]["eps"] == 1e-5
