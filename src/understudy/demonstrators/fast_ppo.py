"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) by stable-baselines3, with its two inner loops made fast.

FastPPO -- stable-baselines3's PPO; `train` and `collect_rollouts` do the same arithmetic with fewer, larger operations

Small networks spend their time between the operations, not in them. Here actor and critic, which have the same widths, go through
each layer together; their gradients are written down instead of recorded; all weights lie in one vector, so that clipping and
Adam are a few operations over it; and no distribution objects, loggers or copies of what the environments report stand in
between. Tests hold both loops against the library's own.

B rows, S observation components, A action dimensions, H width of a layer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.demonstrators.helper_process import HelperProcess, Stepped, step_environments

LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


# From a loss's slopes, (B,) in each log-probability and one in each row's entropy, to its gradient (B, A) in the predictions.
Backward = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class Weights:
    """Views into the vector of all weights and into that of their gradients, of the same shape."""

    values: Tensor
    gradient: Tensor


class Choices:
    """One of A actions; `preds` (B, A) are logits."""

    def draw_noise(self, *shape: int) -> Tensor:
        """Standard Gumbel numbers: added to logits they make the largest one a sample (Maddison et al. 2014)."""
        return torch.empty(shape).exponential_().log_().neg_()

    def sample(self, preds: Tensor, noise: Tensor) -> Tensor:
        """Actions (B, 1) int64."""
        return (preds + noise).argmax(1, keepdim=True)

    def log_probs(self, preds: Tensor, actions: Tensor) -> tuple[Tensor, Backward]:
        """Log-probabilities (B,) of `actions` (B, 1), and how to get a loss's gradient in `preds` from its slopes."""
        log_probs = F.log_softmax(preds, 1)

        def backward(slopes: Tensor, entropy_slope: float) -> Tensor:
            probs = log_probs.exp()
            entropy = -(probs * log_probs).sum(1, keepdim=True)
            gradient = -probs * (entropy_slope * (log_probs + entropy) + slopes[:, None])
            return gradient.scatter_add_(1, actions, slopes[:, None])

        return log_probs.gather(1, actions)[:, 0], backward


class Vectors:
    """Independent Gaussians; `preds` (B, A) are their means, `log_std` (A,) is the same in every state."""

    def __init__(self, log_std: Weights) -> None:
        self.log_std = log_std

    def draw_noise(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape)

    def sample(self, preds: Tensor, noise: Tensor) -> Tensor:
        """Actions (B, A) float32, not clipped."""
        return preds + self.log_std.values.exp() * noise

    def log_probs(self, preds: Tensor, actions: Tensor) -> tuple[Tensor, Backward]:
        """As for choices; the gradient in `log_std`, by which alone the entropy changes, is written beside it."""
        precision = torch.exp(-self.log_std.values)
        deviations = (actions.float() - preds) * precision

        def backward(slopes: Tensor, entropy_slope: float) -> Tensor:
            self.log_std.gradient.copy_((slopes[:, None] * (deviations**2 - 1)).sum(0) + len(preds) * entropy_slope)
            return slopes[:, None] * deviations * precision

        return -(0.5 * deviations**2 + self.log_std.values + LOG_ROOT_2_PI).sum(1), backward


class FastPPO(PPO):
    """stable-baselines3's PPO for MlpPolicy on a DummyVecEnv of ReplayableEnvironments, on the CPU, with ReLU or tanh.

    `processes` may be set to 2 before `learn`: half of the environments then step in a process of their own.
    """

    def _setup_model(self) -> None:
        super()._setup_model()
        self.processes, self._helper = 1, None
        policy = self.policy
        actor, critic = (
            [layer for layer in net if isinstance(layer, nn.Linear)]
            for net in (policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net)
        )
        groups = []
        for ours, theirs in zip(actor, critic, strict=True):
            groups += [(ours.weight, theirs.weight), (ours.bias, theirs.bias)]
        for head in (policy.action_net, policy.value_net):
            groups += [(head.weight,), (head.bias,)]
        if hasattr(policy, "log_std"):
            groups.append((policy.log_std,))
        self._flat = nn.Parameter(torch.zeros(sum(weights.numel() for group in groups for weights in group)))
        self._flat.grad = torch.zeros_like(self._flat)
        shared = _share(self._flat, groups)
        self._layers = list(zip(shared[: 2 * len(actor) : 2], shared[1 : 2 * len(actor) : 2], strict=True))
        self._heads = shared[2 * len(actor) : 2 * len(actor) + 4]
        self._actions = Vectors(shared[-1]) if hasattr(policy, "log_std") else Choices()
        self._tanh = policy.activation_fn is nn.Tanh
        policy.optimizer = torch.optim.Adam([self._flat], lr=self.lr_schedule(1), fused=True, **policy.optimizer_kwargs)

    def _hidden(self, observations: Tensor) -> list[Tensor]:
        """What goes into each layer and into the heads, (2, B, H), the actor's and the critic's; observations are (B, S)."""
        hidden = [observations.float().expand(2, *observations.shape)]
        for weight, bias in self._layers:
            output = torch.baddbmm(bias.values[:, None], hidden[-1], weight.values.transpose(1, 2))
            hidden.append(output.tanh_() if self._tanh else output.relu_())
        return hidden

    def _outputs(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits or means (B, A) and values (B,) of the last hidden layer (2, B, H)."""
        action_weight, action_bias, value_weight, value_bias = (weights.values for weights in self._heads)
        return F.linear(hidden[0], action_weight, action_bias), F.linear(hidden[1], value_weight, value_bias)[:, 0]

    def _backward(self, hidden: list[Tensor], by_preds: Tensor, by_values: Tensor) -> None:
        """Write the gradient of all weights but log_std, from that of the predictions (B, A) and of the values (B,)."""
        action_weight, action_bias, value_weight, value_bias = self._heads
        by_values = by_values[:, None]
        for weight, bias, by_output, last in (
            (action_weight, action_bias, by_preds, hidden[-1][0]),
            (value_weight, value_bias, by_values, hidden[-1][1]),
        ):
            torch.mm(by_output.t(), last, out=weight.gradient)
            torch.sum(by_output, 0, out=bias.gradient)
        by_hidden = torch.stack([by_preds @ action_weight.values, by_values @ value_weight.values])
        derivative = torch.ops.aten.tanh_backward if self._tanh else torch.ops.aten.threshold_backward
        threshold = () if self._tanh else (0,)
        for (weight, bias), below, output in reversed(list(zip(self._layers, hidden[:-1], hidden[1:], strict=True))):
            by_output = derivative(by_hidden, output, *threshold)
            weight.gradient.copy_(torch.bmm(below.transpose(1, 2), by_output).transpose(1, 2))
            torch.sum(by_output, 1, out=bias.gradient)
            if below is not hidden[0]:
                by_hidden = torch.bmm(by_output, weight.values)

    def train(self) -> None:
        """Update the weights with the collected rollout."""
        self._update_learning_rate(self.policy.optimizer)
        clip_range = self.clip_range(self._current_progress_remaining)
        buffer = self.rollout_buffer
        columns = (buffer.observations, buffer.actions, buffer.log_probs, buffer.advantages, buffer.returns)
        rollout = [torch.from_numpy(buffer.swap_and_flatten(column)) for column in columns]
        rollout[2:] = [column[:, 0] for column in rollout[2:]]
        for _ in range(self.n_epochs):
            order = torch.from_numpy(np.random.permutation(len(rollout[0])))
            for batch in zip(*(column[order].split(self.batch_size) for column in rollout), strict=True):
                self._update(*batch, clip_range)
            self._n_updates += 1

    @torch.no_grad()
    def _update(
        self, observations: Tensor, actions: Tensor, old: Tensor, advantages: Tensor, returns: Tensor, clip_range: float
    ) -> None:
        """One step of Adam on B steps of the rollout; `old` (B,) are the log-probabilities with which they were taken."""
        count = len(advantages)
        if self.normalize_advantage and count > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        hidden = self._hidden(observations)
        preds, values = self._outputs(hidden[-1])
        log_probs, backward = self._actions.log_probs(preds, actions)
        ratio = torch.exp(log_probs - old)
        # Equation 7 is flat where the ratio has left the range in the direction that the advantage asks for.
        steep = torch.where(advantages > 0, ratio <= 1 + clip_range, ratio >= 1 - clip_range)
        slopes = advantages * ratio * steep / -count
        self._backward(hidden, backward(slopes, -self.ent_coef / count), 2 * self.vf_coef / count * (values - returns))
        gradient = self._flat.grad
        gradient.mul_((self.max_grad_norm / (torch.linalg.vector_norm(gradient) + 1e-6)).clamp(max=1.0))
        self.policy.optimizer.step()

    def collect_rollouts(
        self, env: DummyVecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Play `n_rollout_steps` in each environment into the buffer; False where the callback ends the training."""
        if self.processes > 1 and self._helper is None and env.num_envs > 1 and HelperProcess.possible():
            self._helper = HelperProcess(env.envs[env.num_envs // 2 :])
        buffer = rollout_buffer
        buffer.reset()
        callback.on_rollout_start()
        noise = self._actions.draw_noise(n_rollout_steps, env.num_envs, len(self._heads[0].values))
        cut_off = {}
        for step in range(n_rollout_steps):
            actions = self._sample(self._last_obs, noise[step])
            following, rewards, dones, unfinished = self._step(env, actions)
            cut_off |= {(step, row): last for row, last in unfinished.items()}
            buffer.observations[step], buffer.actions[step], buffer.rewards[step] = self._last_obs, actions, rewards
            buffer.episode_starts[step] = self._last_episode_starts
            self._last_obs, self._last_episode_starts = following, dones
            self.num_timesteps += env.num_envs
            callback.update_locals({"rewards": rewards, "dones": dones})
            if not callback.on_step():
                return False
        buffer.full = True
        self._judge(buffer, cut_off)
        callback.on_rollout_end()
        return True

    @torch.no_grad()
    def _sample(self, observations: np.ndarray, noise: Tensor) -> np.ndarray:
        """Actions (B, 1) or (B, A) for observations (B, S); only the actor is asked."""
        hidden = torch.from_numpy(observations).float()
        for weight, bias in self._layers:
            output = torch.addmm(bias.values[0], hidden, weight.values[0].t())
            hidden = output.tanh_() if self._tanh else output.relu_()
        weight, bias = self._heads[:2]
        return self._actions.sample(torch.addmm(bias.values, hidden, weight.values.t()), noise).numpy()

    @torch.no_grad()
    def _judge(self, buffer: RolloutBuffer, cut_off: dict[tuple[int, int], np.ndarray]) -> None:
        """Fill in what the collected steps are worth, all at once; `cut_off` holds the last observations (S,) of (step, row)."""
        preds, values = self._outputs(self._hidden(torch.from_numpy(buffer.observations).flatten(0, 1))[-1])
        actions = torch.from_numpy(buffer.actions).flatten(0, 1)
        buffer.values[:] = values.numpy().reshape(buffer.values.shape)
        buffer.log_probs[:] = self._actions.log_probs(preds, actions)[0].numpy().reshape(buffer.log_probs.shape)
        if cut_off:  # such an episode would have gone on: what it was still worth is the critic's guess
            guesses = self._value(np.stack(list(cut_off.values())))
            buffer.rewards[tuple(np.transpose(list(cut_off)))] += self.gamma * guesses.numpy()
        buffer.compute_returns_and_advantage(self._value(self._last_obs), self._last_episode_starts)

    def _value(self, observations: np.ndarray) -> Tensor:
        return self._outputs(self._hidden(torch.from_numpy(observations))[-1])[1]

    def _step(self, env: DummyVecEnv, actions: np.ndarray) -> Stepped:
        """Step every environment with its action (B, ...)."""
        discrete = isinstance(self._actions, Choices)
        executed = actions[:, 0].tolist() if discrete else actions.clip(self.action_space.low, self.action_space.high)
        if self._helper is None:
            return step_environments(env.envs, executed)
        here = env.num_envs // 2
        self._helper.begin_step(executed[here:])
        observations, rewards, dones, unfinished = step_environments(env.envs[:here], executed[:here])
        others = self._helper.finish_step()
        unfinished |= {here + row: observation for row, observation in others[3].items()}
        columns = zip((observations, rewards, dones), others[:3], strict=True)
        return *(np.concatenate(column) for column in columns), unfinished

    def learn(self, *arguments: Any, **named: Any) -> Self:
        """As stable-baselines3's."""
        try:
            return super().learn(*arguments, **named)
        finally:
            if self._helper is not None:
                self._helper.close()
                self._helper = None

    def snapshots(self) -> list[dict[str, Any]]:
        """How to rebuild each environment as it is now."""
        here = self.env.num_envs if self._helper is None else self.env.num_envs // 2
        others = [] if self._helper is None else self._helper.snapshots()
        return [environment.snapshot() for environment in self.env.envs[:here]] + others


def _share(flat: nn.Parameter, groups: list[tuple[Tensor, ...]]) -> list[Weights]:
    """Move groups of equally shaped weights into `flat`, stacked where a group has several; the weights become views of it."""
    sizes = [sum(weights.numel() for weights in group) for group in groups]
    shared = []
    for group, values, gradient in zip(groups, flat.data.split(sizes), flat.grad.split(sizes), strict=True):
        shape = (len(group), *group[0].shape)
        for weights, place in zip(group, values.view(shape), strict=True):
            place.copy_(weights.data)
            weights.data = place
        shape = shape if len(group) > 1 else shape[1:]
        shared.append(Weights(values.view(shape), gradient.view(shape)))
    return shared
