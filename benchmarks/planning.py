"""Decisions a second of the batched beam search, against the slow search without cache or batch.

Run from the root of the repository: PYTHONPATH=src python -m benchmarks.planning
Sizes are those of the Trajectory Transformer of studies/returns, with fresh weights: 8 state components and 4 choices, ten tokens
a step; 40 steps into an episode, one thread. The fast search decides for 64 rows at once, the slow one for one.
Both alternate in one process; a row gives medians over the rounds, and the ratio's median with its quartiles.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from understudy.models.trajectory_transformer import TrajectoryTransformer
from understudy.nn.row_memory import RowMemory
from understudy.planning.beam import BeamSearch, search
from understudy.planning.reference import Episode, reference_search
from understudy.step import Step

STATE_DIM, CHOICES, STEPS, ROWS = 8, 4, 40, 64
ROUNDS, WARM_UP = 5, 1
SEARCHES = {
    "horizon 2, 4 beams": BeamSearch("return", 2, 4, CHOICES, likelihood_weight=400.0),
    "horizon 3, 4 beams": BeamSearch("return", 3, 4, CHOICES, likelihood_weight=400.0),
    "horizon 5, 8 beams": BeamSearch("return", 5, 8, CHOICES, likelihood_weight=400.0),
}


def build() -> TrajectoryTransformer:
    """The study's model, in whose imagination no episode ends: the slow search would have nothing left to do."""
    torch.manual_seed(0)
    sizes = (STATE_DIM, CHOICES, 64, 3, 4, 256, 1024)
    model = TrajectoryTransformer(*sizes, True, (0.0, 100.0), num_kv_heads=1, context=5, num_bins=64).eval()
    torch.nn.init.zeros_(model.stop_head.weight)
    torch.nn.init.constant_(model.stop_head.bias, -1.0)
    return model


def played(model: TrajectoryTransformer, rows: int) -> tuple[RowMemory, Tensor, Tensor, Tensor]:
    """Rows that have come to the state of the last step: memory, its features, tokens (B, n) and states (B, T, S) so far."""
    memory, tokens, states = model.begin(rows), [], []
    for time_step in range(STEPS):
        if time_step:
            memory.kv_cache.end_step()
        state = torch.randn(rows, STATE_DIM)
        action, reward = torch.randint(CHOICES, (rows,)), torch.randn(rows)
        step = Step(state, action, reward, torch.full((rows,), time_step == 0))
        features = model.decode_present(memory, step)
        encoded = model.tokens.encode(state, action, reward)
        tokens += [encoded[:, STATE_DIM:]] if time_step else []
        tokens.append(encoded[:, :STATE_DIM])
        states.append(state)
    return memory, features, torch.cat(tokens, dim=1), torch.stack(states, dim=1)


def seconds(call: Callable[[], object]) -> float:
    """What a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    model = build()
    memory, features, tokens, states = played(model, ROWS)
    print("| search | decisions/s, 64 rows | decisions/s, slow search | ratio [quartiles] |\n|---|---|---|---|")
    for name, settings in SEARCHES.items():
        rounds = []
        for _ in range(ROUNDS + WARM_UP):
            fast = seconds(lambda how=settings: search(model, features, states[:, -1], memory.kv_cache, how))
            slow = seconds(lambda how=settings: reference_search(Episode(model, tokens[0], states[0]), how))
            rounds.append((ROWS / fast, 1 / slow))
        ours, theirs = (statistics.median(rates) for rates in zip(*rounds[WARM_UP:], strict=True))
        low, middle, high = statistics.quantiles([fast / slow for fast, slow in rounds[WARM_UP:]], n=4)
        print(f"| {name} | {ours:.0f} | {theirs:.2f} | {middle:.0f} [{low:.0f}, {high:.0f}] |")


if __name__ == "__main__":
    main()
