"""Recording episodes with several processes: the same bytes whatever their number, and whenever they are killed.

The seeds are cut into fixed blocks, each played by one process on as many rows as it has seeds; what a block returns depends on
the block alone. A finished block is a recording in a folder of its own, so a recording that was interrupted goes on with the
blocks that are missing, and no episode travels between processes.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from understudy.environments.make import describe, make_environment
from understudy.environments.play import Actor, play
from understudy.episode import Episode
from understudy.errors import DataError
from understudy.rollouts.parquet import read_recording, write_recording
from understudy.utils.atomic import replace_folder
from understudy.utils.progress import progress_bar

ActorFactory = Callable[[], Actor]
SECONDS_BETWEEN_LOOKS = 0.05


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


def record(
    plan: Plan, seeds: Sequence[int], *, block_size: int, workers: int, title: str, blocks_folder: Path
) -> list[Episode]:
    """Play one episode for each of `seeds`, with a progress bar, and return them in that order.

    `blocks_folder` holds the finished blocks; those of an earlier call with the same plan and seeds are not played again.
    """
    blocks = {
        blocks_folder / f"block_{start}": seeds[start : start + block_size]
        for start in range(0, len(seeds), block_size)
    }
    missing = {folder: block for folder, block in blocks.items() if not folder.exists()}
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
    counter = context.Value("q", sum(map(len, blocks.values())) - sum(map(len, missing.values())))
    with progress_bar(len(seeds), title, "episode") as bar:
        if missing:
            processes = min(workers, len(missing))
            with ProcessPoolExecutor(processes, context, _begin_worker, (counter, os.getpid())) as pool:
                _follow(
                    [pool.submit(_record_block, plan, block, folder) for folder, block in missing.items()], counter, bar
                )
        bar.update(counter.value - bar.n)
    return [episode for folder in blocks for episode in read_recording(folder).as_episodes()]


def _follow(blocks: list[Future], counter, bar) -> None:
    """Move the bar until all blocks are done; the first failure, or an interruption, cancels the rest and is raised."""
    try:
        while not all(block.done() for block in blocks):
            bar.update(counter.value - bar.n)
            if any(block.done() and block.exception() for block in blocks):
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        for block in blocks:
            block.cancel()
    for block in blocks:
        if not block.cancelled():
            block.result()


def _begin_worker(counter, parent: int) -> None:
    global _finished_episodes
    _finished_episodes = counter
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))  # Ctrl-C is for the parent to report
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone: a killed stage leaves no worker behind."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _record_block(plan: Plan, seeds: Sequence[int], folder: Path) -> None:
    environments = [make_environment(plan.environment_id, plan.kwargs) for _ in seeds]
    episodes = play(
        plan.actor(),
        environments,
        seeds,
        demonstrator=plan.demonstrator and plan.demonstrator(),
        noise=plan.noise,
        on_episode=_count_episode,
    )
    with replace_folder(folder) as unfinished:
        write_recording(unfinished, describe(environments[0]), "block", episodes)


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
