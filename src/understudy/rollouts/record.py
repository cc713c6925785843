"""Recording episodes with several processes: the same bytes whatever their number, and whenever they are killed.

record(plan, seeds, ...)  -- the episodes in order, as they finish; memory is that of a block
ReturnFilter              -- those of a stream that returned enough

The seeds are cut into fixed blocks, each played by one process on as many rows as it has seeds; what a block returns depends on
the block alone. A finished block is a recording in a folder of its own, so a recording that was interrupted goes on with the
blocks that are missing, no episode travels between processes, and none waits in memory for those before it.
"""

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from understudy.environments.make import make_again
from understudy.environments.play import Actor, play
from understudy.episode import Episode
from understudy.errors import DataError
from understudy.rollouts.parquet import open_recording, write_recording
from understudy.spec import EnvironmentSpec
from understudy.utils.atomic import replace_folder
from understudy.utils.progress import progress_bar

ActorFactory = Callable[[], Actor]
SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Plan:
    """What to record; the factories are called in the process that plays, so they must be importable functions.

    `demonstrator` None takes the actor's own choices for what was demonstrated; `noise` is the chance of a random action.
    """

    spec: EnvironmentSpec
    actor: ActorFactory
    demonstrator: ActorFactory | None = None
    noise: float = 0.0


_finished_episodes: Any = None  # a multiprocessing.Value, in the workers


@contextmanager
def record(
    plan: Plan, seeds: Sequence[int], *, block_size: int, workers: int, title: str, blocks_folder: Path
) -> Iterator[Iterator[Episode]]:
    """Play one episode for each of `seeds`, with a progress bar; the `with` gets them in that order while later ones are played.

    `blocks_folder` holds the finished blocks; those of an earlier call with the same plan and seeds are not played again. Leaving
    the `with` early cancels the blocks that have not begun.
    """
    blocks = {
        blocks_folder / f"block_{start}": seeds[start : start + block_size]
        for start in range(0, len(seeds), block_size)
    }
    missing = {folder: block for folder, block in blocks.items() if not folder.exists()}
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
    counter = context.Value("q", sum(map(len, blocks.values())) - sum(map(len, missing.values())))
    processes = max(1, min(workers, len(missing)))  # which start with the first block that is submitted
    with (
        progress_bar(len(seeds), title, "episode") as bar,
        ProcessPoolExecutor(processes, context, _begin_worker, (counter, os.getpid())) as pool,
    ):
        playing = {folder: pool.submit(_record_block, plan, block, folder) for folder, block in missing.items()}
        try:
            yield _in_order(list(blocks), playing, counter, bar)
        finally:
            for block in playing.values():
                block.cancel()


def _in_order(
    folders: list[Path], playing: dict[Path, Future[None]], counter: Any, bar: "tqdm[NoReturn]"
) -> Iterator[Episode]:
    """The episodes of the blocks in `folders`, each read when it is finished and forgotten before the next."""
    blocks = list(playing.values())
    for folder in folders:
        if folder in playing:
            _wait_for(playing[folder], blocks, counter, bar)
        yield from open_recording(folder).as_episodes()
    bar.update(counter.value - bar.n)


def _wait_for(awaited: Future[None], blocks: list[Future[None]], counter: Any, bar: "tqdm[NoReturn]") -> None:
    """Move the bar until a block is done; the first failure of any cancels the rest and is raised."""
    while not awaited.done():
        bar.update(counter.value - bar.n)
        if any(block.done() and block.exception() for block in blocks):
            for block in blocks:
                block.cancel()
            for block in blocks:
                if not block.cancelled():
                    block.result()
        time.sleep(SECONDS_BETWEEN_LOOKS)
    awaited.result()


def _begin_worker(counter: Any, parent: int) -> None:
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
    spec = plan.spec
    with ExitStack() as stack:
        environments = [stack.enter_context(closing(make_again(spec))) for _ in seeds]
        episodes = play(
            plan.actor(),
            environments,
            seeds,
            demonstrator=plan.demonstrator and plan.demonstrator(),
            noise=plan.noise,
            on_episode=_count_episode,
        )
    with replace_folder(folder) as unfinished:
        write_recording(unfinished, spec, "block", episodes)


def _count_episode() -> None:
    with _finished_episodes.get_lock():
        _finished_episodes.value += 1


class ReturnFilter:
    """Lets the episodes of a stream pass whose return reaches `minimum_return` (raw reward); None lets all pass.

    `seen` and `kept` count the episodes of the stream so far, and those of them that passed.
    """

    def __init__(self, minimum_return: float | None) -> None:
        self.minimum_return = minimum_return
        self.seen = self.kept = 0

    def keep(self, episodes: Iterable[Episode]) -> Iterator[Episode]:
        """The episodes that return enough, as they come.

        Raises:
            DataError: at the end, where there was none.
        """
        best = -math.inf
        for episode in episodes:
            self.seen += 1
            total = episode.total_return
            best = max(best, total)
            if self.minimum_return is None or total >= self.minimum_return:
                self.kept += 1
                yield episode
        if self.seen and not self.kept:
            raise DataError(
                f"rollouts.minimum_return: expected some episode to return {self.minimum_return},"
                f" got {best:.1f} at best of {self.seen}"
            )
