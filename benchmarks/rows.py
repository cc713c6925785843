"""What a row of the table is made of.

Program                                    -- one measuring program and its arguments
Comparison                                 -- one row: two programs, the figure that counts, the floor
ScoreComparison                            -- one row: the returns of two trainings on the same evaluation seeds
Group                                      -- programs that take turns, and their comparisons
gemm_floor, playing_floor, acting_seconds  -- what the machine's rates allow
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.settings import THREADS
from understudy.evaluation.statistics import Bootstrap

Figures = dict[str, float]


@dataclass(frozen=True)
class Program:
    """A module of benchmarks.ours or benchmarks.peers; {round} and {folder} in its arguments are filled in for each run."""

    who: str
    module: str
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, who: str, module: str, **arguments: object) -> "Program":
        words = []
        for name, value in arguments.items():
            values = value if isinstance(value, list | tuple) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
        return cls(who, f"benchmarks.{module}", tuple(words))


@dataclass(frozen=True)
class Comparison:
    """One row: `ours` and `theirs` name programs of the group, the keys their figures."""

    work: str
    ours: str
    theirs: str
    key: str
    floor: tuple[str, Callable[[Figures, Figures], float]]  # of our median figures and the machine's rates
    theirs_key: str | None = None
    theirs_who: str | None = None
    unit: str = "steps/s"
    faster_is: Literal["higher", "lower"] = "higher"
    note_key: str | None = None  # a share of both that belongs to the row


@dataclass(frozen=True)
class ScoreComparison:
    """One row: how well two programs' policies act on the same evaluation seeds; a training seed a round of `theirs`."""

    work: str
    ours: str
    theirs: str
    bootstrap: Bootstrap


@dataclass(frozen=True)
class Group:
    """Programs that take turns, and their comparisons.

    Attributes:
        rounds: how many turns.
        programs: by the labels that comparisons use.
        comparisons: one a row of the table.
        left_out: why a program that a comparison names is not there.
        by_request: measured only where it is asked for by name.
    """

    rounds: int
    programs: dict[str, Program]
    comparisons: tuple[Comparison | ScoreComparison, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    by_request: bool = False


def gemm_floor(precision: str) -> tuple[str, Callable[[Figures, Figures], float]]:
    """Environment steps a second if training did nothing but its matrix products, at the machine's rate."""
    return (
        f"FLOPs / {precision} GEMM rate",
        lambda ours, machine: machine[f"{precision}_{THREADS}"] / ours["flops_per_step"],
    )


def playing_floor(precision: str, ours: Figures, machine: Figures) -> float:
    return 1 / (1 / ours["bare_steps_per_second"] + acting_seconds(precision, ours, machine))


def acting_seconds(precision: str, ours: Figures, machine: Figures) -> float:
    """The least that one row's step of the model can take on one thread."""
    return max(ours["flops_per_step"] / machine[f"{precision}_1"], ours["bytes_per_step"] / machine["bytes_1"])
