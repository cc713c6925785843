"""Policies that stable-baselines3 saves act here as there, and nothing in a zip is unpickled but tensors."""

import io
import json
import pickle
import zipfile

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from torch import nn

from tests.builders import refused
from understudy.demonstrators.sb3_zip import read_sb3_zip
from understudy.environments.make import read_spec
from understudy.errors import DataError
from understudy.params.environment import EnvironmentParams
from understudy.policies.predict import Policy


def spec_of(environment_id: str):
    return read_spec(EnvironmentParams(id=environment_id, kwargs={}))


@pytest.mark.parametrize(
    ("algorithm", "environment_id", "kwargs"),
    [
        (PPO, "CartPole-v1", {}),
        (PPO, "Pendulum-v1", {"policy_kwargs": {"net_arch": [8, 9, 7], "activation_fn": nn.ReLU}}),
        (A2C, "CartPole-v1", {"policy_kwargs": {"net_arch": {"pi": [5], "vf": [6, 6]}}}),
        (SAC, "Pendulum-v1", {"policy_kwargs": {"net_arch": [8, 8]}}),
        (TD3, "Pendulum-v1", {"policy_kwargs": {"net_arch": [8], "activation_fn": nn.Tanh}}),
        (DQN, "CartPole-v1", {}),
    ],
)
def test_it_acts_as_the_library_does(tmp_path, algorithm, environment_id, kwargs):
    model = algorithm("MlpPolicy", gymnasium.make(environment_id), seed=1, **kwargs)
    model.save(tmp_path / "model.zip")
    ours = Policy(read_sb3_zip(tmp_path / "model.zip", spec_of(environment_id)))
    observations = np.random.default_rng(0).normal(size=(50, *model.observation_space.shape)).astype(np.float32)
    expected, _ = model.predict(observations, deterministic=True)
    actions, _ = ours.predict(observations)
    np.testing.assert_allclose(actions, expected, atol=1e-6)
    assert len(np.unique(actions)) > 1


def saved(path, environment_id="CartPole-v1", algorithm=PPO, **kwargs):
    algorithm("MlpPolicy", gymnasium.make(environment_id), seed=1, **kwargs).save(path)
    return path


@pytest.mark.parametrize(
    ("environment_id", "says"),
    [
        (
            "LunarLander-v3",
            "expected a policy of 8 observed entries and 4 actions for LunarLander-v3, got one of 4 and 2",
        ),
        ("Acrobot-v1", "expected a policy of 6 observed entries and 3 actions"),
    ],
)
def test_a_policy_for_another_environment_is_refused(tmp_path, environment_id, says):
    with refused(DataError, says):
        read_sb3_zip(saved(tmp_path / "model.zip"), spec_of(environment_id))


def test_an_unknown_activation_is_refused(tmp_path):
    path = saved(tmp_path / "model.zip", policy_kwargs={"activation_fn": nn.ELU})
    with refused(DataError, "expected tanh or relu between the layers, got", "elu"):
        read_sb3_zip(path, spec_of("CartPole-v1"))


@pytest.mark.parametrize("content", [None, b"", b"nothing of a zip"])
def test_what_is_no_zip_is_refused(tmp_path, content):
    path = tmp_path / "model.zip"
    if content is not None:
        path.write_bytes(content)
    with refused(DataError, f"{path}: expected a zip that stable-baselines3 has saved, "):
        read_sb3_zip(path, spec_of("CartPole-v1"))


def zipped(path, about, weights: bytes):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data", about)
        file.writestr("policy.pth", weights)
    return path


def as_bytes(weights) -> bytes:
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


class Malicious:
    def __reduce__(self):
        return (open, ("ran", "w"))


@pytest.mark.parametrize(
    ("about", "weights", "says"),
    [
        ("{", as_bytes({}), "got an unreadable one"),
        ("[]", as_bytes({}), "got another one"),
        ("{}", as_bytes({}), "expected an MlpPolicy of PPO or A2C, SAC, TD3 or DDPG, DQN, got tensors such as 'none'"),
        ("{}", as_bytes({"features_extractor.cnn.0.weight": torch.ones(1)}), "got a features extractor with weights"),
        ("{}", as_bytes({"lstm_actor.weight_ih_l0": torch.ones(1)}), "got a recurrent policy"),
        ("{}", as_bytes({"x": Malicious()}), "got an unreadable one"),
        ("{}", pickle.dumps(Malicious()), "got an unreadable one"),
    ],
)
def test_damaged_and_malicious_zips_are_refused_and_run_nothing(tmp_path, monkeypatch, about, weights, says):
    monkeypatch.chdir(tmp_path)
    with refused(DataError, says):
        read_sb3_zip(zipped(tmp_path / "model.zip", about, weights), spec_of("CartPole-v1"))
    assert not (tmp_path / "ran").exists()


def test_what_is_pickled_in_the_description_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = zipfile.ZipFile(saved(tmp_path / "model.zip"))
    about = json.loads(source.read("data"))
    about["policy_class"][":serialized:"] = "gASVHgAAAAAAAACMAmlvlIwEb3BlbpSTlIwDcmFulIwBd5SGlFKULg=="  # opens a file
    read_sb3_zip(zipped(tmp_path / "other.zip", json.dumps(about), source.read("policy.pth")), spec_of("CartPole-v1"))
    assert not (tmp_path / "ran").exists()
