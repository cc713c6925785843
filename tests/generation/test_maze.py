"""The proof that values are learned: from random walks it finds the ways out of a maze, where imitation walks at random."""

import numpy as np
import torch

from tests.models.rows import batch_of
from understudy.generation.player import PolicyPlayer
from understudy.interface import raw_interface
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy
from understudy.sequences.batch import Batch
from understudy.sequences.returns import returns_to_go
from understudy.tasks.play import Games, RandomPlayer, play
from understudy.tasks.recording import as_episodes, spec_of
from understudy.tasks.text_maze import TextMaze

MAZE = TextMaze(["..#.", "#...", "..#G"], max_turns=16)
SIZES = {"embed_dim": 32, "num_layers": 1, "num_heads": 2, "hidden_dim": 64, "max_seq_len": 17, "context": 16}
SEEDS = np.arange(5000, 5200)


def as_batch(games: Games) -> Batch:
    """All games as rows of one batch."""
    episodes = list(as_episodes(MAZE, games))
    longest = max(episode.length for episode in episodes)

    def padded(values: list[np.ndarray]) -> torch.Tensor:
        return torch.stack(
            [torch.from_numpy(np.concatenate([each, each[-1:].repeat(longest - len(each), 0)])) for each in values]
        )

    lengths = torch.tensor([episode.length for episode in episodes])
    actions = padded([episode.actions for episode in episodes])
    ends = torch.arange(longest) == lengths[:, None] - 1
    returns = [returns_to_go(each.rewards, np.asarray([0, each.length])).astype(np.float32) for each in episodes]
    return batch_of(
        lengths,
        observation=padded([episode.observations for episode in episodes]),
        action=actions,
        label=actions,
        reward=padded([episode.rewards for episode in episodes]),
        return_to_go=padded(returns),
        terminated=ends,
        truncated=torch.zeros_like(ends),
        final_observation=torch.stack([torch.from_numpy(each.final_observation) for each in episodes]),
    )


def test_from_random_walks_it_finds_the_shortest_ways_and_imitation_does_not():
    data = play(MAZE, RandomPlayer(), np.arange(400))
    everything, spec = as_batch(data), spec_of(MAZE, {})
    torch.manual_seed(0)
    config = SIZES | {"expectile": 0.9, "target_rate": 0.1}
    model = build_model("language_q", config, raw_interface(spec), "q").train()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        rows = torch.randint(len(data.seeds), (32,), generator=generator)
        columns = {name: column[rows] for name, column in everything.columns.items()}
        batch = Batch(columns, everything.seq_lens[rows], everything.mask[rows], everything.value_mask[rows])
        optimizer.zero_grad()
        model.losses(batch, generator).objective().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        model.after_update()
    policy = TrainedPolicy(model.eval(), "language_q", config, raw_interface(spec))
    best = MAZE.best_returns(SEEDS).mean()
    by_values = play(MAZE, PolicyPlayer(policy, MAZE, {"beta": 10.0}, 0.0), SEEDS).returns.mean()
    imitated = play(MAZE, PolicyPlayer(policy, MAZE, {"beta": 0.0}, 1.0), SEEDS).returns.mean()
    assert by_values >= best - 1
    assert abs(imitated - data.returns.mean()) < 2 < best - imitated
