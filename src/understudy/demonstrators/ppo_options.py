"""What FastPPO does not do is refused, not ignored.

check_options(model) -- raises ValueError at the first option of stable-baselines3's PPO that FastPPO would leave out

All others of the constructor's arguments and of `policy_kwargs` mean what they mean there. Of those for gSDE, `sde_sample_freq`,
`full_std` and `use_expln`, the library itself makes nothing without `use_sde`, and of `normalize_images` nothing without images.
"""

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn, optim

from understudy.environments.replay import ReplayableEnvironment


def check_options(model: PPO) -> None:
    """Hold the arguments of a model that is not yet built against what FastPPO can do.

    Args:
        model: its constructor has noted all arguments, but made neither networks nor buffer.

    Raises:
        ValueError: an argument asks for more; the message names it, what was expected and what came.
    """
    _expect("policy", "MlpPolicy", model.policy_class is ActorCriticPolicy, model.policy_class.__name__)
    _expect("device", "cpu", model.device.type == "cpu", model.device)
    _check_environments(model)
    for name in ("clip_range_vf", "target_kl", "tensorboard_log"):
        _expect(name, None, getattr(model, name) is None, getattr(model, name))
    _expect("use_sde", False, not model.use_sde, model.use_sde)
    _expect("verbose", "0, as nothing is logged", model.verbose == 0, model.verbose)
    window = model._stats_window_size
    _expect("stats_window_size", "100, the default, as no statistics are gathered", window == 100, window)
    buffer = model.rollout_buffer_class
    _expect("rollout_buffer_class", "None or RolloutBuffer", buffer in (None, RolloutBuffer), buffer)
    for name, default, others in (
        ("activation_fn", nn.Tanh, (nn.ReLU,)),
        ("features_extractor_class", FlattenExtractor, ()),
        ("optimizer_class", optim.Adam, ()),
    ):
        allowed, given = (default, *others), model.policy_kwargs.get(name, default)
        expected = " or ".join(kind.__name__ for kind in allowed)
        _expect(f"policy_kwargs.{name}", expected, given in allowed, given)


def _check_environments(model: PPO) -> None:
    environments = model.env.envs if type(model.env) is DummyVecEnv else [model.env]
    others = [type(each).__name__ for each in environments if not isinstance(each, ReplayableEnvironment)]
    _expect("env", "a DummyVecEnv of ReplayableEnvironments", not others, ", ".join(others))
    observed, acted = model.observation_space, model.action_space
    _expect("observation_space", "a Box of one dimension", _is_vector(observed), observed)
    is_float = acted.dtype in (np.float32, np.float64)
    suits = isinstance(acted, spaces.Discrete) or (_is_vector(acted) and is_float)
    _expect("action_space", "Discrete, or a Box of one dimension of float32 or float64", suits, acted)


def _is_vector(space: spaces.Space) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 1


def _expect(name: str, expected: Any, holds: bool, got: Any) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got}")
