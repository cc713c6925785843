"""Our decoder's episodes recorded or evaluated by processes, as the stages do it: steps a second, their start included.

In an evaluation the expert says at each step what it would have done.
"""

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.formats import native_formats
from benchmarks.ours.decoder_playing import DECODER
from understudy.policies.actor import load_actor
from understudy.policies.files import load_trained
from understudy.rollouts.record import Plan, record

EXPERT, FIRST_SEED = Path("models/expert"), 3_200_000
PRECISION = native_formats()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", choices=("recording", "evaluating"), required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--block-size", type=int, required=True)
    given = parser.parse_args()
    spec = load_trained(DECODER).task.environment
    actor, expert = partial(load_actor, DECODER, precision=PRECISION), partial(load_actor, EXPERT)
    plan = Plan(spec, actor, demonstrator=expert if given.work == "evaluating" else None)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        recording = record(
            plan,
            range(FIRST_SEED, FIRST_SEED + given.episodes),
            block_size=given.block_size,
            workers=given.workers,
            title=f"{given.workers} workers",
            blocks_folder=Path(folder),
        )
        with recording as episodes:
            steps = sum(episode.length for episode in episodes)
        seconds = time.perf_counter() - begun
    print(json.dumps({"steps_per_second": steps / seconds}))


if __name__ == "__main__":
    main()
