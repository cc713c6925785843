"""Targets and losses of action values, pure functions.

clipped_double_q(online, target, num_clipped) -- the value of a state by the best of what can be done there
n_step_targets(...)                           -- what a step's action is worth, by the rewards that came of it
discounted_returns(...)                       -- what came of it in the end
expectile_loss(errors, expectile)             -- errors of a value that is to lie among the better ones
conservative_penalty(values, taken)           -- how much more is said of what was not done
row_priorities(errors, mask)                  -- how wrong a row is

B rows, T steps, K heads, V values of an action entry. Rewards, values and returns are in the same units.
"""

import torch
from torch import Tensor
from torch.nn import functional


def clipped_double_q(online: Tensor, target: Tensor, num_clipped: int) -> Tensor:
    """The value (..., K) of what is best to do, by K heads and their target networks, (..., K, V) each.

    Head k takes the choice that it likes best (double Q: van Hasselt et al., 2016), and of that choice the least of what the
    target networks k, k + 1, ... say, `num_clipped` of them, the first after the last (clipped double Q: Fujimoto et al., 2018,
    eq. 10; over a part of the heads: REDQ, Chen et al., 2021, eq. 1, which draws the part). Pairs that do not change cost no
    randomness, and leave each head a target of its own, so that the heads go on to differ.
    """
    best = online.argmax(-1, keepdim=True)  # (..., K, 1)
    rounds = [target.roll(-shift, dims=-2).gather(-1, best)[..., 0] for shift in range(num_clipped)]
    return torch.stack(rounds).amin(0)


def n_step_targets(
    rewards: Tensor,
    values: Tensor,
    seq_lens: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    *,
    num_steps: int,
    discount: float,
) -> tuple[Tensor, Tensor]:
    """Rewards of the next steps, discounted, and the value of the state that they lead to.

    G_t = r_t + y r_{t+1} + ... + y^(m-1) r_{t+m-1} + y^m v_{t+m}, with m the lesser of `num_steps` and what the row has left: up
    to its end, where the environment ended the episode (nothing follows) or a limit cut it off (the final observation's value
    does), else up to its last state. Sutton and Barto (2018), eq. 7.1.

    Args:
        rewards: (B, T).
        values: (B, T + 1, K), of the states; after a row's last step stands that of the episode's final observation.
        seq_lens: (B,) int64, real steps of each row.
        terminated: (B, T) bool, where the environment ended the episode.
        truncated: (B, T) bool, where a limit did; both may be.
        num_steps: m at most.
        discount: y, of a step.

    Returns:
        The targets (B, T, K), and where there is one (B, T) bool: not at the last step of a row that the episode goes on from.
    """
    length = rewards.shape[1]
    time = torch.arange(length, device=rewards.device)
    last_step = time == seq_lens[:, None] - 1  # (B, T)
    by_itself = (terminated & last_step).any(1)  # (B,)
    ended = by_itself | (truncated & last_step).any(1)
    last_state = seq_lens - 1 + ended.long()
    reach = (last_state[:, None] - time).clamp(0, num_steps)  # (B, T), m
    places = torch.arange(length + 1, device=rewards.device)
    values = values.masked_fill(((places == seq_lens[:, None]) & by_itself[:, None])[..., None], 0.0)
    following = functional.pad(rewards, (0, num_steps)).unfold(1, num_steps + 1, 1)[
        ..., :num_steps
    ]  # (B, T, num_steps)
    ahead = torch.arange(num_steps, device=rewards.device)
    paid = torch.where(ahead < reach[..., None], following * discount**ahead, 0.0).sum(-1)  # (B, T)
    bootstrap = values.gather(1, (time + reach)[..., None].expand(-1, -1, values.shape[-1]))
    return paid[..., None] + (discount**reach)[..., None] * bootstrap, reach > 0


def discounted_returns(
    rewards: Tensor, returns_to_go: Tensor, seq_lens: Tensor, terminated: Tensor, discount: float
) -> tuple[Tensor, Tensor]:
    """What came of each step: its reward and all later ones, discounted.

    Args:
        rewards: (B, T).
        returns_to_go: (B, T), their sum without discount from each step to the episode's end.
        seq_lens, terminated: as of `n_step_targets`.
        discount: of a step.

    Returns:
        Returns (B, T), and which rows (B, 1) bool they are exact in. What follows a row that is a piece of its episode is known
        without discount alone; where there is a discount, so are rows alone in which the environment ends the episode.
    """
    length = rewards.shape[1]
    time = torch.arange(length, device=rewards.device)
    last = (seq_lens - 1)[:, None]  # (B, 1)
    ends = (terminated & (time == last)).any(1, keepdim=True)
    paid = rewards.masked_fill(time >= last, 0.0)
    ahead = (time - time[:, None]).clamp(min=0)  # (T, T), from row to column
    weights = (discount**ahead).triu().to(rewards.dtype)
    rest = discount ** (last - time).clamp(min=0) * returns_to_go.gather(1, last)  # (B, T)
    return paid @ weights.T + rest, ends | (discount == 1)


def expectile_loss(errors: Tensor, expectile: float) -> Tensor:
    """|expectile - 1(error < 0)| error^2 of errors target - value (...): Kostrikov et al. (2022), eq. 5."""
    return torch.where(errors < 0, 1 - expectile, expectile) * errors.square()


def conservative_penalty(values: Tensor, taken: Tensor, temperature: float) -> Tensor:
    """A soft maximum of the values (..., V) of all choices, less that of the one taken (...): Kumar et al. (2020), eq. 4.

    Their maximum has temperature 1 in units of raw reward. It says by how much a choice that was not made has to be worth less
    before it is left alone; far above what choices differ by, all that was not done is pushed down, which is imitation.
    """
    return temperature * (values / temperature).logsumexp(-1) - taken


def row_priorities(errors: Tensor, mask: Tensor) -> Tensor:
    """0.9 of the largest and 0.1 of the mean of a row's errors (B, T), of those that count: (B,); Kapturowski et al. (2019)."""
    counted = errors.masked_fill(~mask, 0.0)
    return 0.9 * counted.amax(1) + 0.1 * counted.sum(1) / mask.sum(1).clamp(min=1)
