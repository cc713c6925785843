"""Recording episodes with several processes: the same bytes whatever their number.

The seeds are cut into fixed blocks, each played by one process on as many rows as it has seeds; what a block returns
depends on the block alone.
"""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

from tqdm import tqdm

from understudy.environments.make import make_environment
from understudy.environments.play import Actor, play
from understudy.episode import Episode
from understudy.errors import DataError
from understudy.utils.progress import progress_bar

ActorFactory = Callable[[], Actor]


@dataclass(frozen=True)
class Plan:
    """What to record; the factories are called in the process that plays, so they must be importable functions.

    `demonstrator` None takes the actor's own choices for what was demonstrated; `noise` is the chance of a random action.
    """

    environment_id: str
    kwargs: dict
    actor: ActorFactory
    demonstrator: ActorFactory | None = None
    noise: float = 0.0


_finished_episodes = None


def record(plan: Plan, seeds: Sequence[int], *, block_size: int, workers: int, title: str) -> list[Episode]:
    """Play one episode for each of `seeds`, with a progress bar, and return them in that order."""
    blocks = [seeds[start : start + block_size] for start in range(0, len(seeds), block_size)]
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
    counter = context.Value("q", 0)
    with (
        progress_bar(len(seeds), title, "episode") as bar,
        ProcessPoolExecutor(min(workers, len(blocks)), context, _share_counter, (counter,)) as pool,
    ):
        blocks_done = [pool.submit(_record_block, plan, block) for block in blocks]
        _follow(blocks_done, counter, bar)
        return [episode for block in blocks_done for episode in block.result()]


def _follow(blocks: list[Future], counter, bar: tqdm) -> None:
    while not all(block.done() for block in blocks):
        bar.update(counter.value - bar.n)
        if any(block.done() and block.exception() for block in blocks):
            for block in blocks:
                block.cancel()
            return
        time.sleep(0.02)
    bar.update(counter.value - bar.n)


def _share_counter(counter) -> None:
    global _finished_episodes
    _finished_episodes = counter


def _record_block(plan: Plan, seeds: Sequence[int]) -> list[Episode]:
    environments = [make_environment(plan.environment_id, plan.kwargs) for _ in seeds]
    return play(
        plan.actor(),
        environments,
        seeds,
        demonstrator=plan.demonstrator and plan.demonstrator(),
        noise=plan.noise,
        on_episode=_count_episode,
    )


def _count_episode() -> None:
    with _finished_episodes.get_lock():
        _finished_episodes.value += 1


def drop_low_returns(episodes: list[Episode], minimum_return: float | None) -> list[Episode]:
    """Keep the episodes whose return reaches `minimum_return` (raw reward); None keeps all.

    Raises:
        DataError: none is left.
    """
    if minimum_return is None:
        return episodes
    kept = [episode for episode in episodes if episode.total_return >= minimum_return]
    if not kept:
        best = max(episode.total_return for episode in episodes)
        raise DataError(
            f"rollouts.minimum_return: expected some episode to return {minimum_return},"
            f" got {best:.1f} at best of {len(episodes)}"
        )
    return kept
