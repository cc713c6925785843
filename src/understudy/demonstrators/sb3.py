"""Experts trained by stable-baselines3; nothing outside this module and the PPO that it uses imports it.

train_expert(...) -> the expert as a TrainedPolicy, and its learning curve
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from stable_baselines3 import A2C, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn
from tqdm import tqdm

from understudy.demonstrators.expert_checkpoint import resume_training, save_training
from understudy.demonstrators.fast_ppo import FastPPO
from understudy.demonstrators.scripted import SPREAD
from understudy.environments.make import make_environment, read_spec
from understudy.environments.replay import ReplayableEnvironment
from understudy.errors import DataError, ParameterError
from understudy.interface import raw_interface, squashed_interface
from understudy.nn.heads import ACTIVATIONS
from understudy.params.environment import EnvironmentParams
from understudy.params.expert import ExpertParams
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.spec import EnvironmentSpec
from understudy.utils.progress import progress_bar

ALGORITHMS = {"ppo": FastPPO, "a2c": A2C, "sac": SAC, "td3": TD3}
CURVE_POINTS = 100
CURVE_STATE = ("rows", "returns", "lengths", "points", "saved_points", "running_return", "running_length")


@dataclass
class LearningCurve(BaseCallback):
    """Collects the returns of training episodes, moves the progress bar, and stops at weights that are not finite.

    Args:
        total_steps: environment steps of the whole training, over all environments.
        num_environments: that step side by side.
        bar: moved to the number of steps so far, at most `total_steps`.
        save: called with the curve's own state before a rollout, once for each hundredth of the training.
        snapshot: called with a share of the training, one of `shares`, as soon as it has passed.
        shares: of the training after which that is called.
        rows: one (steps, episodes, return_mean, length_mean) for each hundredth of the training in which an episode ended:
            environment steps so far, episodes since the last row, and their mean raw return and mean length in steps.
    """

    total_steps: int
    num_environments: int
    bar: "tqdm[NoReturn]"
    save: Callable[[dict[str, Any]], None]
    snapshot: Callable[[float], None] = lambda share: None
    shares: Sequence[float] = ()
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self.points = self.saved_points = 0
        self.running_return = np.zeros(self.num_environments)
        self.running_length = np.zeros(self.num_environments, dtype=np.int64)

    def _on_rollout_start(self) -> None:
        if self.points > self.saved_points:
            self.saved_points = self.points
            self.save({name: getattr(self, name) for name in CURVE_STATE})

    def _on_step(self) -> bool:
        self.running_return += self.locals["rewards"]
        self.running_length += 1
        for row in np.flatnonzero(self.locals["dones"]):
            self.returns.append(float(self.running_return[row]))
            self.lengths.append(int(self.running_length[row]))
            self.running_return[row] = self.running_length[row] = 0
        self.bar.update(min(self.num_timesteps, self.total_steps) - self.bar.n)
        for share in self.shares:
            if self.num_timesteps - self.num_environments < share * self.total_steps <= self.num_timesteps:
                self.snapshot(share)
        points = self.num_timesteps * CURVE_POINTS // self.total_steps
        if points == self.points:
            return True
        self.points = points
        if not _all_finite(self.model.policy):
            raise _diverged(f"weights that are not finite after {self.num_timesteps} steps")
        if self.returns:
            self.rows.append(
                (self.num_timesteps, len(self.returns), float(np.mean(self.returns)), float(np.mean(self.lengths)))
            )
            self.bar.set_postfix_str(f"return {self.rows[-1][2]:.0f}", refresh=False)
            self.returns, self.lengths = [], []
        return True


def train_expert(
    environment: EnvironmentParams,
    expert: ExpertParams,
    checkpoint: Path | None = None,
    processes: int = 1,
    keep: Callable[[float, TrainedPolicy], None] = lambda share, policy: None,
) -> tuple[TrainedPolicy, list[tuple[float, ...]]]:
    """Train an actor-critic expert and return it as a policy, with the rows of its LearningCurve.

    Args:
        environment: its id and kwargs.
        expert: the algorithm, its seed, its number of environment steps and its hyperparameters.
        checkpoint: a file to resume from where it exists, and to write a hundred times. Interrupted and resumed, training gives
            the same expert to the bit.
        keep: called with each share of expert.snapshots, and the policy as it is then; where a training that was interrupted
            goes on, not again for those before its checkpoint.
        processes: with two or more, PPO steps half of its environments in a second process; the expert is the same to the bit.

    Raises:
        ParameterError: the environment cannot be made, has several agents, or the algorithm does not suit its actions.
        DataError: the training diverged.
    """
    torch.set_num_threads(expert.threads)
    spec = read_spec(environment)
    _check_suits(expert.algorithm, spec)
    environments = DummyVecEnv(
        [lambda: ReplayableEnvironment(make_environment(environment.id, environment.kwargs, environment.wrappers))]
        * expert.hyperparameters.num_environments
    )
    model = _new_model(expert, spec, environments, processes)

    def save(curve_state: dict[str, Any]) -> None:
        if checkpoint is not None:
            fast = isinstance(model, FastPPO)
            snapshots = model.snapshots() if fast else [each.snapshot() for each in environments.envs]
            save_training(checkpoint, model, snapshots, curve_state)

    def snapshot(share: float) -> None:
        with torch.random.fork_rng(devices=[]):  # else the copy's first weights would change what training draws next
            keep(share, _as_policy(model, expert, spec))

    with progress_bar(expert.total_steps, "expert", "step") as bar, closing(environments):
        curve = LearningCurve(expert.total_steps, environments.num_envs, bar, save, snapshot, expert.snapshots)
        resumed = resume_training(checkpoint, model, environments.envs) if checkpoint is not None else None
        for name, value in (resumed or {}).items():
            setattr(curve, name, value)
        _learn(model, expert.total_steps - model.num_timesteps, curve, goes_on=resumed is not None)
    return _as_policy(model, expert, spec), curve.rows


def _check_suits(algorithm: str, spec: EnvironmentSpec) -> None:
    """Raise a ParameterError where an algorithm does not suit an environment."""
    if spec.num_agents > 1:
        raise ParameterError(
            f"expert.algorithm: expected an environment of one agent, or scripted, which plays {SPREAD} alone,"
            f" got {algorithm} for the {spec.num_agents} agents of {spec.environment_id}"
        )
    if algorithm in ("sac", "td3") and spec.discrete_actions:
        raise ParameterError(
            f"expert.algorithm: expected ppo or a2c for the choices of {spec.environment_id}, got {algorithm}"
        )


def _new_model(expert: ExpertParams, spec: EnvironmentSpec, environments: DummyVecEnv, processes: int) -> BaseAlgorithm:
    """The algorithm before its first step, with the weights that its seed gives."""
    model = ALGORITHMS[expert.algorithm](
        "MlpPolicy", environments, seed=expert.seed, device="cpu", **_algorithm_arguments(expert, spec)
    )
    if isinstance(model, FastPPO):
        model.processes = processes
    return model


def _learn(model: BaseAlgorithm, steps: int, curve: LearningCurve, goes_on: bool) -> None:
    try:
        model.learn(steps, callback=curve, reset_num_timesteps=not goes_on)
    except DataError:
        raise
    except (ValueError, RuntimeError) as error:  # what torch's distributions make of NaN
        if "invalid values" not in str(error) and _all_finite(model.policy):
            raise
        raise _diverged(f"numbers that are not finite after {curve.num_timesteps} steps") from None


def _algorithm_arguments(expert: ExpertParams, spec: EnvironmentSpec) -> dict[str, Any]:
    """The constructor's arguments: those of params.yaml under their own names, but for the few that are no plain value."""
    arguments = expert.hyperparameters.model_dump(
        exclude={"num_environments", "schedule", "learning_rate", "action_noise"}
    )
    rate, linear = expert.hyperparameters.learning_rate, expert.hyperparameters.schedule == "linear"
    arguments["learning_rate"] = (lambda remaining: rate * remaining) if linear else rate
    arguments["policy_kwargs"] = {
        "net_arch": list(expert.hidden_sizes),
        "activation_fn": ACTIVATIONS[expert.activation],
    }
    if expert.algorithm == "td3":
        deviation = np.full(spec.action_dim, expert.td3.action_noise)
        arguments["action_noise"] = NormalActionNoise(np.zeros(spec.action_dim), deviation)
    return arguments


def _as_policy(model: BaseAlgorithm, expert: ExpertParams, spec: EnvironmentSpec) -> TrainedPolicy:
    """Copy the actor's layers into the `expert` family."""
    squash = expert.algorithm in ("sac", "td3")
    config = {"hidden_sizes": list(expert.hidden_sizes), "activation": expert.activation, "squash": squash}
    interface = squashed_interface(spec) if squash else raw_interface(spec)
    actor = build_model("expert", config, interface, "expert")
    ours = [layer for layer in actor.actor if isinstance(layer, nn.Linear)]
    for layer, theirs in zip(ours, _actor_layers(model, expert.algorithm), strict=True):
        layer.load_state_dict(theirs.state_dict())
    if not _all_finite(actor):
        raise _diverged("weights that are not finite at the end")
    return TrainedPolicy(actor.eval(), "expert", config, interface)


def _all_finite(module: nn.Module) -> bool:
    return all(bool(torch.isfinite(weights).all()) for weights in module.parameters())


def _diverged(problem: str) -> DataError:
    return DataError(f"expert: expected training to converge, got {problem}; a smaller learning rate may help")


def _actor_layers(model: BaseAlgorithm, algorithm: str) -> list[nn.Linear]:
    if algorithm in ("ppo", "a2c"):
        modules = [*model.policy.mlp_extractor.policy_net, model.policy.action_net]
    elif algorithm == "sac":
        modules = [*model.actor.latent_pi, model.actor.mu]
    else:
        modules = [*model.actor.mu]
    return [module for module in modules if isinstance(module, nn.Linear)]
