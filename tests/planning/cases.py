"""Small models of trajectories that look ahead, and rows in which they have played."""

from collections.abc import Iterator

import torch
from torch import Tensor

from tests.builders import CHOICES, VECTORS
from tests.models.cases import Case, build, draw_steps
from understudy.models.trajectory_transformer import TrajectoryTransformer
from understudy.nn.row_memory import RowMemory
from understudy.step import Step

STOP_BIAS = {"choices": -24.0, "vectors": -3.0}
KINDS = {"choices": CHOICES, "vectors": VECTORS}


def trajectory_model(kind: str, seed: int = 0, **config) -> TrajectoryTransformer:
    """An untrained model whose stops are as likely as not, so that some beams end and others go on."""
    model = build(Case("trajectory_transformer", KINDS[kind]), seed, **config)
    with torch.no_grad():
        model.stop_head.weight.mul_(8.0)
        model.stop_head.bias.fill_(STOP_BIAS[kind])
    return model


def present_steps(kind: str, steps: int, seed: int = 2) -> Iterator[tuple[Step[Tensor], Tensor]]:
    """What three rows are told at each of these steps, with the rewards of the steps before; and what they execute then."""
    observations, executed = draw_steps(Case("trajectory_transformer", KINDS[kind]), steps, seed)
    rewards = torch.randn(observations.shape[:2], generator=torch.Generator().manual_seed(seed))
    action, reward = torch.zeros_like(executed[:, 0]), torch.zeros_like(rewards[:, 0])
    for time in range(steps):
        yield Step(observations[:, time], action, reward, torch.full((len(action),), time == 0)), executed[:, time]
        action, reward = executed[:, time], rewards[:, time]


def decoded(model: TrajectoryTransformer, kind: str, steps: int) -> tuple[RowMemory, Tensor, Tensor, Tensor]:
    """Three rows that have got to the state of the last of these steps.

    Returns:
        Their memory, the features (B, D) of the present states, the tokens (B, n) of the episodes up to there, and their
        states (B, T, S).
    """
    memory, before, seen = model.begin(3), [], []
    for time, (step, _) in enumerate(present_steps(kind, steps)):
        if time:
            memory.kv_cache.end_step()
        features = model.decode_present(memory, step)
        tokens = model.tokens.encode(step.observation, step.previous_action, step.previous_reward)
        states = model.tokens.num_states
        seen.append(step.observation)
        before += [tokens[:, states:]] if time else []
        before.append(tokens[:, :states])
    return memory, features, torch.cat(before, dim=1), torch.stack(seen, dim=1)
