"""A training goes on from its file exactly; nested state survives the way through tensors and JSON."""

import json
from copy import deepcopy
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv

from understudy.demonstrators.expert_checkpoint import pack, resume_training, save_training, unpack
from understudy.demonstrators.fast_ppo import FastPPO
from understudy.environments.replay import ReplayableEnvironment

TOTAL_STEPS = 160
OFF_POLICY = {"learning_starts": 40, "batch_size": 16, "train_freq": 1, "policy_kwargs": {"net_arch": [8]}}
CASES = {
    "ppo": (FastPPO, "CartPole-v1", {"n_steps": 16, "batch_size": 16, "n_epochs": 2}),
    "ppo-vectors": (FastPPO, "Pendulum-v1", {"n_steps": 16, "batch_size": 16, "n_epochs": 2}),
    "a2c": (A2C, "CartPole-v1", {"n_steps": 4}),
    "sac": (SAC, "Pendulum-v1", OFF_POLICY | {"buffer_size": 1000}),
    "sac-full": (SAC, "Pendulum-v1", OFF_POLICY | {"buffer_size": 50}),
    "td3": (TD3, "Pendulum-v1", OFF_POLICY | {"buffer_size": 1000}),
}


class Saving(BaseCallback):
    """Saves once, at the first rollout from `at` steps on."""

    def __init__(self, path: Path, at: int) -> None:
        super().__init__()
        self.path, self.at = path, at

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self.at and not self.path.exists():
            snapshots = [environment.snapshot() for environment in self.model.env.envs]
            save_training(self.path, self.model, snapshots, {"steps": self.num_timesteps})

    def _on_step(self) -> bool:
        return True


def build(case: str, seed: int) -> BaseAlgorithm:
    """Episodes of 25 steps at most, so that some are cut off before and some after a training was saved."""
    algorithm, environment_id, arguments = deepcopy(CASES[case])  # the library writes into policy_kwargs
    count = 2 if case in ("ppo", "ppo-vectors", "a2c") else 1
    make = lambda: ReplayableEnvironment(gymnasium.make(environment_id, max_episode_steps=25))  # noqa: E731
    if algorithm is TD3:
        arguments = arguments | {"action_noise": NormalActionNoise(np.zeros(1), np.full(1, 0.3))}
    rate = lambda remaining: 1e-2 * remaining  # noqa: E731
    environments = DummyVecEnv([make] * count)
    return algorithm("MlpPolicy", environments, learning_rate=rate, seed=seed, device="cpu", **arguments)


def everything(model: BaseAlgorithm) -> dict:
    """What a training is made of, after its end."""
    state = {
        "parameters": model.get_parameters(),
        "counters": [model.num_timesteps, model._n_updates, model._episode_num],
        "position": [model._last_obs, model._last_episode_starts],
        "environments": [environment.snapshot() for environment in model.env.envs],
        "draws": [torch.rand(3), np.random.rand(3), model.action_space.np_random.random(3)],
    }
    if hasattr(model, "replay_buffer"):
        names = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
        state["buffer"] = [getattr(model.replay_buffer, name) for name in (*names, "pos", "full")]
    return state


@pytest.mark.parametrize("at", [10, 70, 120])
@pytest.mark.parametrize("case", CASES)
def test_a_training_goes_on_from_its_file_exactly(case, at, tmp_path):
    """The one that goes on was built with another seed, so that all it has in common is the file."""
    path = tmp_path / "training.safetensors"
    undisturbed = build(case, seed=0)
    undisturbed.learn(TOTAL_STEPS, callback=Saving(path, at))
    expected = everything(undisturbed)
    resumed = build(case, seed=9)
    steps = resume_training(path, resumed, resumed.env.envs)["steps"]
    assert at <= steps == resumed.num_timesteps < at + 32
    resumed.learn(TOTAL_STEPS - steps, reset_num_timesteps=False)
    assert_same(everything(resumed), expected)


def assert_same(mine, other) -> None:
    """Equal to the bit, at any depth."""
    if isinstance(other, dict):
        assert mine.keys() == other.keys()
        for key in other:
            assert_same(mine[key], other[key])
    elif isinstance(other, list | tuple):
        assert len(mine) == len(other)
        for one, another in zip(mine, other, strict=True):
            assert_same(one, another)
    else:
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(other))


def test_without_a_file_nothing_is_resumed(tmp_path):
    model = build("a2c", seed=0)
    assert resume_training(tmp_path / "training.safetensors", model, model.env.envs) is None
    assert model.num_timesteps == 0


def test_nested_state_comes_back():
    state = {
        "optimizer": {0: {"step": torch.tensor(3.0)}, 7: {"betas": (0.9, 0.999)}},
        "position": [np.array([True, False]), np.arange(3.0), None, 2**100],
        "count": np.int64(4),
    }
    tensors = {}
    tree = json.loads(json.dumps(pack(state, tensors)))
    found = unpack(tree, tensors)
    assert found["optimizer"][0]["step"] == 3.0
    assert found["optimizer"][7]["betas"] == [0.9, 0.999]
    np.testing.assert_array_equal(found["position"][0], [True, False])
    assert found["position"][1].dtype == np.float64
    assert found["position"][2:] == [None, 2**100]
    assert found["count"] == 4


def test_what_was_packed_does_not_change_with_its_source():
    weights, tensors = torch.ones(2), {}
    pack({"weights": weights}, tensors)
    weights += 1
    assert tensors["0"].tolist() == [1.0, 1.0]
