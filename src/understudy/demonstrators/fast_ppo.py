"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) by stable-baselines3, with its two inner loops made fast.

FastPPO -- stable-baselines3's PPO; `train` and `collect_rollouts` do the same arithmetic with fewer, larger operations

Small networks spend their time between the operations, not in them. Here actor and critic, which have the same widths, go through
each layer together, all weights lie in one vector, so that clipping and Adam are a few operations over it, and no distribution
objects, loggers or copies of what the environments report stand in between. Tests hold both loops against the library's own.

B rows, S observation components, A action dimensions, H width of a layer.
"""

import math

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor, nn
from torch.nn import functional as F

LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


class Choices:
    """One of A actions; `preds` (B, A) are logits."""

    def sample(self, preds: Tensor) -> Tensor:
        """Actions (B, 1) int64: the first of A exponential clocks, which run at the actions' probabilities, to ring."""
        return (preds - torch.empty_like(preds).exponential_().log_()).argmax(1, keepdim=True)

    def judge(self, preds: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B,) of `actions` (B, 1) and the mean entropy."""
        log_probs = F.log_softmax(preds, 1)
        return log_probs.gather(1, actions)[:, 0], -(log_probs.exp() * log_probs).sum(1).mean()


class Vectors:
    """Independent Gaussians; `preds` (B, A) are their means, `log_std` (A,) is the same in every state."""

    def __init__(self, log_std: Tensor) -> None:
        self.log_std = log_std

    def sample(self, preds: Tensor) -> Tensor:
        """Actions (B, A) float32, not clipped."""
        return preds + self.log_std.exp() * torch.randn_like(preds)

    def judge(self, preds: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Log-densities (B,) of `actions` (B, A) and the mean entropy."""
        deviations = (actions.float() - preds) * torch.exp(-self.log_std)
        log_probs = -(0.5 * deviations**2 + self.log_std + LOG_ROOT_2_PI).sum(1)
        return log_probs, (0.5 + LOG_ROOT_2_PI + self.log_std).sum()


class FastPPO(PPO):
    """stable-baselines3's PPO for MlpPolicy on a DummyVecEnv, on the CPU."""

    def _setup_model(self) -> None:
        super()._setup_model()
        policy = self.policy
        actor, critic = (
            [layer for layer in net if isinstance(layer, nn.Linear)]
            for net in (policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net)
        )
        self._activation = policy.activation_fn()
        groups = [(ours.weight, theirs.weight) for ours, theirs in zip(actor, critic, strict=True)]
        groups += [(ours.bias, theirs.bias) for ours, theirs in zip(actor, critic, strict=True)]
        heads = (policy.action_net.weight, policy.action_net.bias, policy.value_net.weight, policy.value_net.bias)
        groups += [(weights,) for weights in (*heads, *([policy.log_std] if hasattr(policy, "log_std") else []))]
        self._flat = nn.Parameter(torch.zeros(sum(weights.numel() for group in groups for weights in group)))
        self._flat.grad = torch.zeros_like(self._flat)
        together = _share(self._flat, groups)
        depth = len(actor)
        self._layers = list(zip(together[:depth], [bias[:, None] for bias in together[depth : 2 * depth]], strict=True))
        self._heads = together[2 * depth : 2 * depth + 4]
        self._actions = Vectors(together[-1]) if hasattr(policy, "log_std") else Choices()
        policy.optimizer = torch.optim.Adam([self._flat], lr=self.lr_schedule(1), fused=True, **policy.optimizer_kwargs)

    def _predict(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Logits or means (B, A) and values (B,) for observations (B, S)."""
        hidden = observations.float().expand(2, *observations.shape)  # (2, B, H), the actor's and the critic's
        for weight, bias in self._layers:
            hidden = self._activation(torch.baddbmm(bias, hidden, weight.transpose(1, 2)))
        action_weight, action_bias, value_weight, value_bias = self._heads
        return F.linear(hidden[0], action_weight, action_bias), F.linear(hidden[1], value_weight, value_bias)[:, 0]

    def train(self) -> None:
        """Update the weights with the collected rollout."""
        self._update_learning_rate(self.policy.optimizer)
        clip_range = self.clip_range(self._current_progress_remaining)
        buffer = self.rollout_buffer
        columns = (buffer.observations, buffer.actions, buffer.log_probs, buffer.advantages, buffer.returns)
        rollout = [torch.from_numpy(buffer.swap_and_flatten(column)) for column in columns]
        rollout[2:] = [column[:, 0] for column in rollout[2:]]
        for _ in range(self.n_epochs):
            for rows in torch.from_numpy(np.random.permutation(len(rollout[0]))).split(self.batch_size):
                self._update(*(column[rows] for column in rollout), clip_range)
            self._n_updates += 1

    def _update(
        self, observations: Tensor, actions: Tensor, old: Tensor, advantages: Tensor, returns: Tensor, clip_range: float
    ) -> None:
        """One step of Adam on B steps of the rollout; `old` (B,) are the log-probabilities with which they were taken."""
        if self.normalize_advantage and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        preds, values = self._predict(observations)
        log_probs, entropy = self._actions.judge(preds, actions)
        ratio = torch.exp(log_probs - old)
        clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
        policy_loss = -torch.minimum(advantages * ratio, advantages * clipped).mean()  # equation 7
        loss = policy_loss - self.ent_coef * entropy + self.vf_coef * F.mse_loss(values, returns)
        gradient = self._flat.grad.zero_()
        loss.backward()
        gradient.mul_((self.max_grad_norm / (torch.linalg.vector_norm(gradient) + 1e-6)).clamp(max=1.0))
        self.policy.optimizer.step()

    def collect_rollouts(
        self, env: DummyVecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Play `n_rollout_steps` in each environment into the buffer; False where the callback ends the training."""
        rollout_buffer.reset()
        callback.on_rollout_start()
        for step in range(n_rollout_steps):
            observations = self._last_obs
            with torch.no_grad():
                preds, values = self._predict(torch.from_numpy(observations))
                actions = self._actions.sample(preds)
                log_probs, _ = self._actions.judge(preds, actions)
            following, rewards, dones, unfinished = self._step(env, actions.numpy())
            self.num_timesteps += env.num_envs
            callback.update_locals({"rewards": rewards, "dones": dones})
            if not callback.on_step():
                return False
            # An episode that was cut off would have gone on: what it was still worth is the critic's guess.
            returns = rewards.copy()
            for row, last in unfinished.items():
                returns[row] += self.gamma * self._value(last[None])[0]
            line = (
                observations,
                actions.numpy(),
                returns,
                self._last_episode_starts,
                values.numpy(),
                log_probs.numpy(),
            )
            columns = ("observations", "actions", "rewards", "episode_starts", "values", "log_probs")
            for name, entries in zip(columns, line, strict=True):
                getattr(rollout_buffer, name)[step] = entries
            self._last_obs, self._last_episode_starts = following, dones
        rollout_buffer.full = True
        rollout_buffer.compute_returns_and_advantage(self._value(self._last_obs), self._last_episode_starts)
        callback.on_rollout_end()
        return True

    def _value(self, observations: np.ndarray) -> Tensor:
        with torch.no_grad():
            return self._predict(torch.from_numpy(observations))[1]

    def _step(
        self, env: DummyVecEnv, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, np.ndarray]]:
        """Step every environment and begin anew those whose episode ends.

        Returns:
            observations (B, S), rewards (B,) and whether the episode has ended (B,); the last observation (S,) of the rows whose
            episode was truncated.
        """
        discrete = isinstance(self._actions, Choices)
        executed = actions[:, 0].tolist() if discrete else actions.clip(self.action_space.low, self.action_space.high)
        observations = np.empty_like(self._last_obs)
        rewards, dones, unfinished = np.empty(env.num_envs, np.float32), np.zeros(env.num_envs, dtype=bool), {}
        for row, environment in enumerate(env.envs):
            observations[row], rewards[row], terminated, truncated, _ = environment.step(executed[row])
            if terminated or truncated:
                dones[row] = True
                if not terminated:
                    unfinished[row] = observations[row].copy()
                observations[row] = environment.reset()[0]
        return observations, rewards, dones, unfinished


def _share(flat: nn.Parameter, groups: list[tuple[Tensor, ...]]) -> list[nn.Parameter]:
    """Move groups of equally shaped weights into `flat`, one stacked parameter a group; all of them become views of it."""
    together = []
    sizes = [sum(weights.numel() for weights in group) for group in groups]
    for group, values, gradient in zip(groups, flat.data.split(sizes), flat.grad.split(sizes), strict=True):
        shape = (len(group), *group[0].shape) if len(group) > 1 else group[0].shape
        stacked = nn.Parameter(values.view(shape))
        stacked.grad = gradient.view(shape)
        for weights, place in zip(group, stacked.data if len(group) > 1 else [stacked.data], strict=True):
            place.copy_(weights.data)
            weights.data = place
        together.append(stacked)
    return together
