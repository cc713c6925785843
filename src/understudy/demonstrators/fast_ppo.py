"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) by stable-baselines3, with its two inner loops made fast.

FastPPO -- stable-baselines3's PPO; `train` and `collect_rollouts` do the same arithmetic with fewer, larger operations

Small networks spend their time between the operations, not in them. So this departs from stable-baselines3 2.9
(ppo/ppo.py, common/on_policy_algorithm.py, and what they call) in the following. Tests hold both loops against the library's own.

Weights
- All lie in one vector, of which the policy's parameters are views: they may be written to, but not given another storage.
- Actor and critic must have the same widths; each layer of both is one batched product.
- Adam is the fused one and knows that vector alone, so its saved state is no state of the library's PPO.

`train`
- No loss is computed. Its gradient is written down, into a second vector; the parameters' own `grad` stay None.
- The norm to which gradients are clipped is that vector's, not the norm of each tensor's norm: another order of summation.
- The mini-batches are the library's (one numpy permutation an epoch), but the buffer is not flattened in place, and actions are
  not cast to float32 and back.
- Approximate KL divergence, clip fraction, explained variance and losses are not computed; of `train/`, only the learning rate
  is logged.

`collect_rollouts`
- The noise of all steps is drawn before the first: of choices Gumbel noise, where the library calls `torch.multinomial`. Actions
  have the same distribution, but are others for the same seed. A rollout that the callback ends has drawn noise for all steps.
- During play the actor alone is asked. Values, log-probabilities and the values of truncated episodes' last observations, which
  the library computes at every step, come after the last, in one batch.
- Nothing is checked for NaN, as the library's distributions do; the callback has to look at the weights.
- Environments are stepped past the DummyVecEnv: its buffers, `reset_infos` and `options` are not used, choices are passed as int,
  last observations are float32, `info` dictionaries are dropped and so `ep_info_buffer` and `ep_success_buffer` stay empty.
- The callback's `locals` hold `rewards` and `dones` alone, and it is called when the step is already in the buffer.
- The buffer is filled by column and neither reset nor flattened; `pos` and `full` stay 0 and False, `get` is not to be called.
- With `processes` of 2, half of the environments step in a process of their own and their copies here stand still. That process
  ends with `learn`, which can then not be called again to go on.

Neither loop switches the policy between training and evaluation, since it has neither dropout nor batch normalisation. Options
that would need more than this are refused: see ppo_options.py.

T steps of a rollout in each of N environments, B rows, S observation components, A number of actions or of an action vector's
components, H width of a layer.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor, nn
from torch.nn import functional as F

from understudy.demonstrators.action_distributions import Categorical, DiagonalGaussian
from understudy.demonstrators.helper_process import HelperProcess, StepResult, step_environments
from understudy.demonstrators.ppo_options import check_options


@dataclass(frozen=True)
class ParameterView:
    """Views of the same shape into the vector of all weights and into that of their gradients."""

    data: Tensor
    grad: Tensor


class Minibatch(NamedTuple):
    """B steps of a rollout.

    observations: (B, S).
    actions: (B, 1) int64 or (B, A), not clipped to the action space.
    old_log_prob: (B,) log-probabilities with which the actions were taken.
    advantages: (B,) not yet normalised.
    returns: (B,) what the critic is to predict.
    """

    observations: Tensor
    actions: Tensor
    old_log_prob: Tensor
    advantages: Tensor
    returns: Tensor


class FastPPO(PPO):
    """stable-baselines3's PPO for MlpPolicy on a DummyVecEnv of ReplayableEnvironments, on the CPU, with ReLU or tanh.

    Its arguments are the library's, but for those that `check_options` refuses with a ValueError. `processes` may be set to 2
    before `learn`: half of the environments then step in a process of their own.
    """

    def _setup_model(self) -> None:
        check_options(self)
        super()._setup_model()
        self.processes, self._helper = 1, None
        policy = self.policy
        actor, critic = (
            [layer for layer in net if isinstance(layer, nn.Linear)]
            for net in (policy.mlp_extractor.policy_net, policy.mlp_extractor.value_net)
        )
        widths = [[layer.out_features for layer in net] for net in (actor, critic)]
        if widths[0] != widths[1]:
            raise ValueError(f"policy_kwargs.net_arch: expected one list for actor and critic, got {widths}")
        groups = []
        for ours, theirs in zip(actor, critic, strict=True):
            groups += [(ours.weight, theirs.weight), (ours.bias, theirs.bias)]
        for head in (policy.action_net, policy.value_net):
            groups += [(head.weight,), (head.bias,)]
        if hasattr(policy, "log_std"):
            groups.append((policy.log_std,))
        self._flat = nn.Parameter(torch.zeros(sum(weights.numel() for group in groups for weights in group)))
        self._flat.grad = torch.zeros_like(self._flat)
        views = _flatten_parameters(self._flat, groups)
        self._layers = list(zip(views[: 2 * len(actor) : 2], views[1 : 2 * len(actor) : 2], strict=True))
        self._heads = views[2 * len(actor) : 2 * len(actor) + 4]
        gaussian = hasattr(policy, "log_std")
        self._distribution = DiagonalGaussian(views[-1].data, views[-1].grad) if gaussian else Categorical()
        self._tanh = policy.activation_fn is nn.Tanh
        policy.optimizer = torch.optim.Adam([self._flat], lr=self.lr_schedule(1), fused=True, **policy.optimizer_kwargs)

    def _forward_layers(self, observations: Tensor) -> list[Tensor]:
        """The input of each layer and of the heads, (2, B, S) and then (2, B, H), the actor's first; observations are (B, S)."""
        activations = [observations.float().expand(2, *observations.shape)]  # (2, B, S)
        for weight, bias in self._layers:  # (2, H, S or H below), (2, H)
            output = torch.baddbmm(bias.data[:, None], activations[-1], weight.data.transpose(1, 2))  # (2, B, H)
            activations.append(output.tanh_() if self._tanh else output.relu_())
        return activations

    def _forward_heads(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Logits or means (B, A) and values (B,) of the last layer's output (2, B, H)."""
        action_weight, action_bias, value_weight, value_bias = (parameter.data for parameter in self._heads)
        preds = F.linear(latents[0], action_weight, action_bias)
        return preds, F.linear(latents[1], value_weight, value_bias)[:, 0]  # (B, A), (B, 1) -> (B,)

    def _backward(self, activations: list[Tensor], grad_preds: Tensor, grad_values: Tensor) -> None:
        """Write the gradient of all weights but log_std, from that of the predictions (B, A) and of the values (B,)."""
        action_weight, action_bias, value_weight, value_bias = self._heads
        grad_values = grad_values[:, None]  # (B, 1)
        for weight, bias, grad_output, latents in (
            (action_weight, action_bias, grad_preds, activations[-1][0]),
            (value_weight, value_bias, grad_values, activations[-1][1]),
        ):
            torch.mm(grad_output.t(), latents, out=weight.grad)  # (A or 1, B) @ (B, H)
            torch.sum(grad_output, 0, out=bias.grad)
        grad_activation = torch.stack([grad_preds @ action_weight.data, grad_values @ value_weight.data])  # (2, B, H)
        derivative = torch.ops.aten.tanh_backward if self._tanh else torch.ops.aten.threshold_backward
        threshold = () if self._tanh else (0,)
        layers = list(zip(self._layers, activations[:-1], activations[1:], strict=True))
        for (weight, bias), layer_input, layer_output in reversed(layers):
            grad_output = derivative(grad_activation, layer_output, *threshold)  # (2, B, H)
            weight.grad.copy_(torch.bmm(layer_input.transpose(1, 2), grad_output).transpose(1, 2))
            torch.sum(grad_output, 1, out=bias.grad)
            if layer_input is not activations[0]:
                grad_activation = torch.bmm(grad_output, weight.data)  # (2, B, H below)

    def train(self) -> None:
        """Update the weights with the collected rollout: `n_epochs` times over it in mini-batches of `batch_size`."""
        self._update_learning_rate(self.policy.optimizer)
        clip_range = self.clip_range(self._current_progress_remaining)
        buffer = self.rollout_buffer
        columns = (buffer.observations, buffer.actions, buffer.log_probs, buffer.advantages, buffer.returns)
        flattened = (buffer.swap_and_flatten(column) for column in columns)  # (T, N, ...) -> (N * T, ...)
        rollout = [torch.from_numpy(column) for column in flattened]
        rollout[2:] = [column[:, 0] for column in rollout[2:]]  # (N * T, 1) -> (N * T,)
        for _ in range(self.n_epochs):
            order = torch.from_numpy(np.random.permutation(len(rollout[0])))
            for batch in zip(*(column[order].split(self.batch_size) for column in rollout), strict=True):
                self._update(Minibatch(*batch), clip_range)
            self._n_updates += 1

    @torch.no_grad()
    def _update(self, batch: Minibatch, clip_range: float) -> None:
        """One step of Adam."""
        advantages, count = batch.advantages, len(batch.advantages)
        if self.normalize_advantage and count > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        activations = self._forward_layers(batch.observations)
        preds, values = self._forward_heads(activations[-1])
        log_prob, backward = self._distribution.log_prob(preds, batch.actions)
        ratio = torch.exp(log_prob - batch.old_log_prob)
        # Equation 7 is flat where the ratio has left the range in the direction that the advantage asks for.
        unclipped = torch.where(advantages > 0, ratio <= 1 + clip_range, ratio >= 1 - clip_range)
        grad_log_prob = advantages * ratio * unclipped / -count
        grad_preds = backward(grad_log_prob, -self.ent_coef / count)
        self._backward(activations, grad_preds, 2 * self.vf_coef / count * (values - batch.returns))
        gradient = self._flat.grad
        gradient.mul_((self.max_grad_norm / (torch.linalg.vector_norm(gradient) + 1e-6)).clamp(max=1.0))
        self.policy.optimizer.step()

    def collect_rollouts(
        self, env: DummyVecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Play into the buffer.

        Args:
            env: N environments.
            callback: called before the first step, after each step and after the last.
            rollout_buffer: of T steps.
            n_rollout_steps: T, steps of each environment.

        Returns:
            False where the callback has ended the training; the buffer is then not to be learned from.
        """
        if self.processes > 1 and self._helper is None and env.num_envs > 1 and HelperProcess.possible():
            self._helper = HelperProcess(env.envs[env.num_envs // 2 :])
        buffer = rollout_buffer
        callback.on_rollout_start()
        noise = self._distribution.draw_noise(n_rollout_steps, env.num_envs, len(self._heads[0].data))  # (T, N, A)
        truncated = {}
        for step in range(n_rollout_steps):
            actions = self._sample(self._last_obs, noise[step])
            next_observations, rewards, dones, final_observations = self._step(env, actions)
            truncated |= {(step, row): final for row, final in final_observations.items()}
            buffer.observations[step], buffer.actions[step], buffer.rewards[step] = self._last_obs, actions, rewards
            buffer.episode_starts[step] = self._last_episode_starts
            self._last_obs, self._last_episode_starts = next_observations, dones
            self.num_timesteps += env.num_envs
            callback.update_locals({"rewards": rewards, "dones": dones})
            if not callback.on_step():
                return False
        self._evaluate_rollout(buffer, truncated)
        callback.on_rollout_end()
        return True

    @torch.no_grad()
    def _sample(self, observations: np.ndarray, noise: Tensor) -> np.ndarray:
        """Actions (N, 1) or (N, A) for observations (N, S) and noise (N, A); only the actor is asked."""
        latents = torch.from_numpy(observations).float()
        for weight, bias in self._layers:
            output = torch.addmm(bias.data[0], latents, weight.data[0].t())  # (N, H)
            latents = output.tanh_() if self._tanh else output.relu_()
        weight, bias = self._heads[:2]
        return self._distribution.sample(torch.addmm(bias.data, latents, weight.data.t()), noise).numpy()

    @torch.no_grad()
    def _evaluate_rollout(self, buffer: RolloutBuffer, truncated: dict[tuple[int, int], np.ndarray]) -> None:
        """Fill in values, log-probabilities, advantages and returns; `truncated` holds last observations (S,) by (step, row)."""
        observations = torch.from_numpy(buffer.observations).flatten(0, 1)  # (T, N, S) -> (T * N, S)
        actions = torch.from_numpy(buffer.actions).flatten(0, 1)  # (T, N, A or 1) -> (T * N, A or 1)
        preds, values = self._forward_heads(self._forward_layers(observations)[-1])
        buffer.values[:] = values.numpy().reshape(buffer.values.shape)  # (T * N,) -> (T, N)
        log_prob = self._distribution.log_prob(preds, actions)[0]
        buffer.log_probs[:] = log_prob.numpy().reshape(buffer.log_probs.shape)  # (T * N,) -> (T, N)
        if truncated:  # such an episode would have gone on: the critic says what that was still worth
            final_values = self._values(np.stack(list(truncated.values())))
            buffer.rewards[tuple(np.transpose(list(truncated)))] += self.gamma * final_values.numpy()
        buffer.compute_returns_and_advantage(self._values(self._last_obs), self._last_episode_starts)

    def _values(self, observations: np.ndarray) -> Tensor:
        """Values (B,) of observations (B, S)."""
        return self._forward_heads(self._forward_layers(torch.from_numpy(observations))[-1])[1]

    def _step(self, env: DummyVecEnv, actions: np.ndarray) -> StepResult:
        """Step every environment with its action, (N, 1) or (N, A)."""
        discrete = isinstance(self._distribution, Categorical)
        executed = actions[:, 0].tolist() if discrete else actions.clip(self.action_space.low, self.action_space.high)
        if self._helper is None:
            return step_environments(env.envs, executed)
        num_here = env.num_envs // 2
        self._helper.step_async(executed[num_here:])
        *columns, final_observations = step_environments(env.envs[:num_here], executed[:num_here])
        *columns_there, final_there = self._helper.step_wait()
        final_observations |= {num_here + row: final for row, final in final_there.items()}
        return *(np.concatenate(pair) for pair in zip(columns, columns_there, strict=True)), final_observations

    def learn(self, *arguments: Any, **named: Any) -> Self:
        """As stable-baselines3's; the second process ends with it."""
        try:
            return super().learn(*arguments, **named)
        finally:
            if self._helper is not None:
                self._helper.close()
                self._helper = None

    def snapshots(self) -> list[dict[str, Any]]:
        """How to rebuild each of the N environments as it is now, for ReplayableEnvironment.restore."""
        num_here = self.env.num_envs if self._helper is None else self.env.num_envs // 2
        there = [] if self._helper is None else self._helper.snapshots()
        return [environment.snapshot() for environment in self.env.envs[:num_here]] + there


def _flatten_parameters(flat: nn.Parameter, groups: list[tuple[Tensor, ...]]) -> list[ParameterView]:
    """Move groups of equally shaped weights into `flat`, stacked where a group has several; the weights become views of it."""
    sizes = [sum(weights.numel() for weights in group) for group in groups]
    views = []
    for group, data, grad in zip(groups, flat.data.split(sizes), flat.grad.split(sizes), strict=True):
        shape = (len(group), *group[0].shape)
        for weights, place in zip(group, data.view(shape), strict=True):
            place.copy_(weights.data)
            weights.data = place
        shape = shape if len(group) > 1 else shape[1:]
        views.append(ParameterView(data.view(shape), grad.view(shape)))
    return views
