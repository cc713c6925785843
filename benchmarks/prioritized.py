"""What prioritized replay costs: microseconds to draw 64 of C chunks and to take note of their errors.

Run from the root of the repository: PYTHONPATH=src python -m benchmarks.prioritized
Up to 10,000 chunks the priorities have one cumulative sum, beyond a tree of sums. Figures are medians over single draws.
"""

import statistics
import time

import numpy as np

from understudy.sequences.prioritized import Priorities

CHUNKS = (2_000, 10_000, 20_000, 100_000, 1_000_000)
BATCH, WARM_UP, DRAWS = 64, 50, 2_000


def costs(chunks: int, draws: int) -> tuple[float, float]:
    """Microseconds of a draw, and of an update, where errors are as different as those of a model that learns."""
    generator = np.random.default_rng(0)
    priorities = Priorities(chunks, seed=0, exponent=0.6, correction=0.4, anneal_batches=1000, smallest_error=1e-3)
    priorities.update(np.arange(chunks), generator.exponential(size=chunks))
    drawing, updating = [], []
    for _ in range(WARM_UP + draws):
        errors = generator.exponential(size=BATCH)
        begun = time.perf_counter()
        chosen, _ = priorities.draw(BATCH)
        drawn = time.perf_counter()
        priorities.update(chosen, errors)
        updating.append(1e6 * (time.perf_counter() - drawn))
        drawing.append(1e6 * (drawn - begun))
    return statistics.median(drawing[WARM_UP:]), statistics.median(updating[WARM_UP:])


def main() -> None:
    print("| chunks | a draw, µs | an update, µs |\n|---:|---:|---:|")
    for chunks in CHUNKS:
        drawing, updating = costs(chunks, DRAWS)
        print(f"| {chunks:,} | {drawing:.0f} | {updating:.0f} |", flush=True)


if __name__ == "__main__":
    main()
