"""Saving a stable-baselines3 training between two rollouts, and going on from there, exact to the bit.

save_training(path, model, ...)    -- all that the rest of the training depends on, in one file without a pickle
resume_training(path, model, ...)  -- the same into a model that was built with the same arguments

What goes into a file: weights, optimizers and counters of the algorithm, its replay buffer where it has one, the state of every
random generator, how to rebuild each environment, and the learning curve so far.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.environments.replay import ReplayableEnvironment
from understudy.utils.checkpoint import load_state, save_state

COUNTERS = ("num_timesteps", "_n_updates", "_episode_num")
POSITION = ("_last_obs", "_last_episode_starts")
BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def save_training(path: Path, model: Any, environments: list[dict[str, Any]], curve: dict[str, Any]) -> None:
    """Write the state of an algorithm that is about to collect a rollout.

    Args:
        path: the file, written whole or not at all.
        model: the algorithm, a BaseAlgorithm of stable-baselines3.
        environments: the snapshots of its ReplayableEnvironments, in their order.
        curve: what else there is to remember, JSON-ready but for arrays and tensors.
    """
    variables = model._get_torch_save_params()[1]
    content = {
        "parameters": model.get_parameters(),
        "variables": {name: getattr(model, name).data for name in variables},
        "counters": {name: getattr(model, name) for name in COUNTERS},
        "position": {name: getattr(model, name) for name in POSITION},
        "environments": environments,
        "random": {
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state(),
            "actions": model.action_space.np_random.bit_generator.state,
        },
        "curve": curve,
    }
    buffer = getattr(model, "replay_buffer", None)
    if buffer is not None:
        filled = buffer.buffer_size if buffer.full else buffer.pos
        content["buffer"] = {name: getattr(buffer, name)[:filled] for name in BUFFER}
        content["buffer_position"] = [buffer.pos, buffer.full]
    tensors: dict[str, torch.Tensor] = {}
    tree = pack(content, tensors)
    save_state(path, tensors, {"tree": tree})


def resume_training(path: Path, model: Any, environments: list[ReplayableEnvironment]) -> dict[str, Any] | None:
    """Put an algorithm into the state of a file that `save_training` wrote.

    Args:
        path: the file.
        model: an algorithm that was built with the same arguments and has not learned yet.
        environments: its environments, in their order; each plays its episode again up to where it was saved.

    Returns:
        The curve, its tuples as lists; None where there is no file.
    """
    found = load_state(path)
    if found is None:
        return None
    content = unpack(found[1]["tree"], found[0])
    model.set_parameters(content["parameters"], exact_match=True, device="cpu")
    for name, values in content["variables"].items():
        getattr(model, name).data.copy_(values)
    for name, value in (content["counters"] | content["position"]).items():
        setattr(model, name, value)
    if "buffer" in content:
        buffer = model.replay_buffer
        buffer.pos, buffer.full = content["buffer_position"]
        for name, values in content["buffer"].items():
            getattr(buffer, name)[: len(values)] = values
    for environment, snapshot in zip(environments, content["environments"], strict=True):
        environment.restore(snapshot)
    model.action_space.np_random.bit_generator.state = content["random"]["actions"]
    np.random.set_state(tuple(content["random"]["numpy"]))
    torch.set_rng_state(content["random"]["torch"])
    return content["curve"]


def pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Nested dictionaries and lists as JSON, with their tensors and arrays put into `tensors` under a number."""
    if isinstance(value, torch.Tensor | np.ndarray):
        name = str(len(tensors))
        is_array = isinstance(value, np.ndarray)
        tensors[name] = (torch.from_numpy(value) if is_array else value.detach()).contiguous().clone()
        return {"array" if is_array else "tensor": name}
    if isinstance(value, dict):  # as pairs: an optimizer's keys are numbers, which JSON does not have
        return {"items": [[key, pack(entry, tensors)] for key, entry in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [pack(entry, tensors) for entry in value]}
    return {"value": value.item() if isinstance(value, np.generic) else value}


def unpack(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """What `pack` was given; tuples have become lists."""
    [(kind, content)] = tree.items()
    if kind == "array":
        return tensors[content].numpy()
    if kind == "tensor":
        return tensors[content]
    if kind == "items":
        return {key: unpack(entry, tensors) for key, entry in content}
    if kind == "list":
        return [unpack(entry, tensors) for entry in content]
    return content
