"""A policy that stable-baselines3 has saved, as a demonstrator: its weights are read, nothing is unpickled but tensors.

read_sb3_zip(path, spec) -> TrainedPolicy of the family `expert`

The zip holds `policy.pth`, tensors that torch reads with weights_only, and `data`, JSON in which what is pickled is left alone;
what a dictionary or class there is stands beside its pickle in words. Format: stable_baselines3/common/save_util.py.
"""

import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from understudy.errors import DataError
from understudy.interface import Interface, raw_interface, squashed_interface
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.spec import EnvironmentSpec


@dataclass(frozen=True)
class _Layout:
    """How an algorithm names the layers that choose the action: a pattern for the hidden ones, and the last one's name."""

    algorithms: str
    hidden: str
    last: str
    activation: str  # where policy_kwargs name none
    squash: bool = False


LAYOUTS = (
    _Layout("PPO or A2C", r"mlp_extractor\.policy_net\.(\d+)", "action_net", "tanh"),
    _Layout("SAC", r"actor\.latent_pi\.(\d+)", "actor.mu", "relu", squash=True),
    _Layout("TD3 or DDPG", r"actor\.mu\.(\d+)", "", "relu", squash=True),
    _Layout("DQN", r"q_net\.q_net\.(\d+)", "", "relu"),
)
REFUSED = {
    "features_extractor": "a features extractor with weights, such as one of images",
    "lstm": "a recurrent policy",
    "mlp_extractor.shared_net": "a policy with shared layers, of an old version",
}


def read_sb3_zip(path: Path, spec: EnvironmentSpec) -> TrainedPolicy:
    """The deterministic actor in a zip, as a policy for the environment.

    Args:
        path: what `model.save` wrote.
        spec: the environment that it is to act in; a VecNormalize around the one that it was trained in is not known to the zip.

    Raises:
        DataError: there is no such file, it is none of stable-baselines3, is of a kind that is not supported, or its layers do
            not fit the environment.
    """
    about, weights = _read(path)
    for part, what in REFUSED.items():
        if any(part in name for name in weights):
            raise DataError(f"{path}: expected a policy of plain layers, MlpPolicy, got {what}")
    layout, names = _layers(path, weights)
    if layout.squash and spec.discrete_actions:
        raise DataError(
            f"{path}: expected a policy of choices for {spec.environment_id}, got one of {layout.algorithms}"
        )
    sizes = [weights[f"{name}.weight"].shape[0] for name in names]
    inputs = weights[f"{names[0]}.weight"].shape[1]
    if (inputs, sizes[-1]) != (spec.state_dim, spec.action_dim):
        raise DataError(
            f"{path}: expected a policy of {spec.state_dim} observed entries and {spec.action_dim} actions for"
            f" {spec.environment_id}, got one of {inputs} and {sizes[-1]}"
        )
    config = {"hidden_sizes": sizes[:-1], "activation": _activation(path, about, layout), "squash": layout.squash}
    interface: Interface = squashed_interface(spec) if layout.squash else raw_interface(spec)
    model = build_model("expert", config, interface, "expert")
    linear = [module for module in model.actor if isinstance(module, nn.Linear)]
    for module, name in zip(linear, names, strict=True):
        module.load_state_dict({"weight": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]})
    return TrainedPolicy(model.eval(), "expert", config, interface)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with zipfile.ZipFile(path) as file:
            about = json.loads(file.read("data"))
            weights = torch.load(io.BytesIO(file.read("policy.pth")), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: expected a zip that stable-baselines3 has saved, found no such file") from None
    except KeyError as error:
        raise DataError(f"{path}: expected a zip that stable-baselines3 has saved, got one without {error}") from None
    except Exception as error:  # zipfile, json and torch's reader raise many kinds at damaged bytes
        problem = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: expected a zip that stable-baselines3 has saved, got an unreadable one: {problem}"
        ) from None
    if not isinstance(about, dict) or not isinstance(weights, dict):
        raise DataError(f"{path}: expected a zip that stable-baselines3 has saved, got another one")
    return about, weights


def _layers(path: Path, weights: dict[str, Tensor]) -> tuple[_Layout, list[str]]:
    """Names of the layers from the observation to the action."""
    for layout in LAYOUTS:
        found = {re.fullmatch(rf"({layout.hidden})\.weight", name) for name in weights}
        hidden = [match[1] for match in sorted(filter(None, found), key=lambda match: int(match[2]))]
        names = [*hidden, *([layout.last] if layout.last else [])]
        if hidden and all(f"{name}.{part}" in weights for name in names for part in ("weight", "bias")):
            return layout, names
    known = ", ".join(layout.algorithms for layout in LAYOUTS)
    raise DataError(f"{path}: expected an MlpPolicy of {known}, got tensors such as {min(weights, default='none')!r}")


def _activation(path: Path, about: dict[str, Any], layout: _Layout) -> str:
    said = str((about.get("policy_kwargs") or {}).get("activation_fn", layout.activation)).lower()
    for name in ("tanh", "relu"):
        if re.search(rf"\b{name}\b", said):
            return name
    raise DataError(f"{path}: expected tanh or relu between the layers, got {said}")
