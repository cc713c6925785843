"""Mean return of each snapshot of a PPO training, ours or the zoo's, on the same held-out seeds, acting greedily."""

import argparse
import json
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from understudy.environments.make import describe, make_environment
from understudy.environments.play import play
from understudy.interface import raw_interface
from understudy.params.whole import load_params
from understudy.policies.actor import PolicyActor
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.spec import EnvironmentSpec

FIRST_SEED = 3_000_000  # nothing else in the project uses these


def as_actor(weights: dict[str, Tensor], config: dict, spec: EnvironmentSpec) -> PolicyActor:
    """A stable-baselines3 policy's actor as one of ours."""
    interface = raw_interface(spec)
    model = build_model("expert", config, interface, "snapshot")
    layers = [f"mlp_extractor.policy_net.{2 * index}" for index in range(len(config["hidden_sizes"]))] + ["action_net"]
    linear = [layer for layer in model.actor if isinstance(layer, nn.Linear)]
    for layer, name in zip(linear, layers, strict=True):
        layer.load_state_dict({"weight": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]})
    return PolicyActor(TrainedPolicy(model.eval(), "expert", config, interface))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--activation", required=True)
    parser.add_argument("--hidden-sizes", type=int, nargs="+", required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    environment = load_params(Path("params.yaml")).environment
    environments = [make_environment(environment.id, environment.kwargs) for _ in range(given.episodes)]
    config = {"hidden_sizes": given.hidden_sizes, "activation": given.activation, "squash": False}
    curve = []
    for steps, seconds in json.loads((given.folder / "times.json").read_text()).items():
        weights = safetensors.torch.load_file(given.folder / f"{steps}.safetensors")
        actor = as_actor(weights, config, describe(environments[0]))
        episodes = play(actor, environments, range(FIRST_SEED, FIRST_SEED + given.episodes))
        mean = sum(episode.total_return for episode in episodes) / len(episodes)
        curve.append({"steps": int(steps), "seconds": seconds, "return_mean": float(mean)})
    print(json.dumps({"curve": curve}))


if __name__ == "__main__":
    main()
