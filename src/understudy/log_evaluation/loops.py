"""Loops in runs: the same calls with the same arguments, or the same words, again and again.

Loop                       -- where one is, and what goes round
find_loops(steps, longest) -- the loops of one run
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Loop:
    """What a run does from step `start`: the same `period` steps, `times` times over, 2 at least."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        """The first step behind it."""
        return self.start + self.period * self.times


def find_loops(steps: Sequence[Hashable], longest: int) -> list[Loop]:
    """Cycles that follow each other at once, none within another, in order.

    From left to right; of those that begin at a step the one that covers most, and of these the shortest cycle.

    Args:
        steps: what was done at each; equal where it was the same to the letter.
        longest: steps of a cycle at most.
    """
    found, place = [], 0
    while place < len(steps):
        loops = [_loop(steps, place, period) for period in range(1, longest + 1)]
        best = max(loops, key=lambda loop: (loop.times > 1, loop.period * loop.times, -loop.period))
        if best.times > 1:
            found.append(best)
        place = best.end if best.times > 1 else place + 1
    return found


def _loop(steps: Sequence[Hashable], start: int, period: int) -> Loop:
    cycle, times = steps[start : start + period], 1
    while steps[start + times * period : start + (times + 1) * period] == cycle and len(cycle) == period:
        times += 1
    return Loop(start, period, times)
