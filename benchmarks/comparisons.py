"""What is compared with what.

Settings, FULL, QUICK      -- how much of it
Program                    -- one measuring program and its arguments
Comparison                 -- one row of the table: two programs, the figure that counts, the floor
groups(settings, params)  -- programs that take turns, and their comparisons
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from benchmarks.formats import NO_BFLOAT16, native_formats
from understudy.params.whole import Params

Figures = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """Sizes of the measurements; what is not named here is the same in all of them."""

    quick: bool
    rounds: int
    ppo_steps: int  # of the comparison of rates; a multiple of a rollout
    seeds: int  # trainings to the target return, each
    target_steps: int
    snapshot_every: int
    target_return: float
    judged_episodes: int
    batches: int
    played_episodes: int
    peer_steps: int
    length: int
    contexts: tuple[int, ...]
    context_steps: int
    peer_context_steps: int
    recorded_episodes: int


FULL = Settings(
    quick=False,
    rounds=5,
    ppo_steps=262_144,
    seeds=3,
    target_steps=1_000_000,
    snapshot_every=25_000,
    target_return=250.0,
    judged_episodes=64,
    batches=100,
    played_episodes=2048,
    peer_steps=2000,
    length=1000,
    contexts=(1, 2, 5, 10, 20, 50, 100, 200),
    context_steps=200,
    peer_context_steps=100,
    recorded_episodes=1600,
)
QUICK = Settings(
    quick=True,
    rounds=2,
    ppo_steps=16_384,
    seeds=1,
    target_steps=32_768,
    snapshot_every=8_192,
    target_return=-1000.0,
    judged_episodes=8,
    batches=10,
    played_episodes=128,
    peer_steps=200,
    length=200,
    contexts=(1, 20, 200),
    context_steps=20,
    peer_context_steps=20,
    recorded_episodes=40,
)
ROWS, LENGTH, THREADS, PLAYED_ROWS, WINDOWS, BLOCK_SIZE = 64, 20, 2, 128, 20, 100
FLOOR_ROUNDS, FLOOR_SECONDS = 3, 1.5  # half a minute of floors
TWO_BARE = "bare environments in two processes"


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
class Group:
    """Programs that take turns, and their comparisons; `left_out`: why a program that a comparison names is not there."""

    rounds: int
    programs: dict[str, Program]
    comparisons: tuple[Comparison, ...]
    left_out: dict[str, str] = field(default_factory=dict)


def groups(settings: Settings, params: Params) -> dict[str, Group]:
    """All groups by name, in the order in which they are measured; `floors` comes first, since the others need it."""
    machine = {"machine": Program.of("the machine", "ours.floors", seconds=FLOOR_SECONDS)}
    formats = native_formats()
    return {
        "floors": Group(min(FLOOR_ROUNDS, settings.rounds), machine, ()),
        "ppo_rate": ppo_rate(settings, params),
        "ppo_time": ppo_time(settings, params),
        "training": training(settings, params, formats),
        "playing": playing(settings, formats),
        "recording": recording(settings),
        "cost": cost(settings, formats[-1]),
    }


def ppo_rate(settings: Settings, params: Params) -> Group:
    hyperparameters = json.dumps(params.expert.ppo.model_dump())
    given = {"steps": settings.ppo_steps, "threads": params.expert.threads, "hyperparameters": hyperparameters}
    given["hidden_sizes"] = params.expert.hidden_sizes
    programs = {
        "ours": Program.of("understudy", "ours.ppo_training", steps=settings.ppo_steps),
        "sb3": Program.of("stable-baselines3, make_vec_env", "peers.sb3_training", render_mode="default", **given),
        "sb3 unrendered": Program.of(
            "stable-baselines3, make_vec_env with render_mode None", "peers.sb3_training", render_mode="none", **given
        ),
    }
    work = f"PPO training, {settings.ppo_steps:,} steps, equal hyperparameters"
    floor = (TWO_BARE, lambda ours, machine: machine["environments_2"])
    return Group(
        settings.rounds,
        programs,
        tuple(Comparison(work, "ours", peer, "steps_per_second", floor) for peer in ("sb3", "sb3 unrendered")),
    )


def ppo_time(settings: Settings, params: Params) -> Group:
    given = {"seed": "{round}", "steps": settings.target_steps, "every": settings.snapshot_every, "folder": "{folder}"}
    programs = {
        "ours": Program.of("understudy, params.yaml", "ours.ppo_snapshots", **given),
        "zoo": Program.of("rl-baselines3-zoo, ppo.yml", "peers.zoo_snapshots", threads=params.expert.threads, **given),
    }
    work = f"PPO training to a mean return of {settings.target_return:g} on {settings.judged_episodes} held-out seeds"
    floor = (TWO_BARE, lambda ours, machine: ours["steps"] / machine["environments_2"])
    row = Comparison(work, "ours", "zoo", "seconds", floor, unit="s", faster_is="lower")
    return Group(settings.seeds, programs, (row,))


def training(settings: Settings, params: Params, formats: tuple[str, ...]) -> Group:
    own = formats[-1]
    own_rows, own_length = params.training.batch_size, params.training.chunk_length
    size = {"rows": ROWS, "length": LENGTH, "batches": settings.batches, "threads": THREADS}
    learned = {**size, "seeds": "{seeds}"}
    own_size = {**size, "rows": own_rows, "length": own_length}
    ours, theirs = "ours.decoder_training", "peers.transformers_training"
    programs = {
        "ours float32": Program.of("understudy, float32", ours, precision="float32", **size),
        "ours bfloat16": Program.of("understudy, bfloat16", ours, precision="bfloat16", **size),
        "ours own": Program.of(f"understudy, {own_rows} x {own_length}, {own}", ours, precision=own, **own_size),
        "d3rlpy": Program.of("d3rlpy, float32", "peers.d3rlpy_training", **learned),
        "hf float32": Program.of("transformers, float32", theirs, precision="float32", **learned),
        "hf bfloat16": Program.of("transformers, bfloat16", theirs, precision="bfloat16", **learned),
    }
    left_out = {label: NO_BFLOAT16 for label in programs if label.endswith("bfloat16") and "bfloat16" not in formats}
    programs = {label: program for label, program in programs.items() if label not in left_out}
    work = f"training a decoder, 3 layers of 128, {ROWS} rows of {LENGTH} steps"
    pairs = [("ours float32", "d3rlpy"), ("ours bfloat16", "d3rlpy"), ("ours float32", "hf float32")]
    pairs += [("ours bfloat16", "hf float32"), ("ours bfloat16", "hf bfloat16")]
    rows = [Comparison(work, *pair, "steps_per_second", gemm_floor(pair[0].split()[1])) for pair in pairs]
    own_work = "the same decoder, ours with its own default batches"
    rows += [
        Comparison(own_work, "ours own", peer, "steps_per_second", gemm_floor(own)) for peer in ("d3rlpy", "hf float32")
    ]
    loaded = ("bytes / bandwidth", lambda ours, machine: machine[f"bytes_{THREADS}"] / ours["bytes_per_step"])
    pairs = [("ours float32", "d3rlpy"), ("ours float32", "hf float32"), ("ours bfloat16", "hf bfloat16")]
    loading = "loading those batches alone"
    rows += [Comparison(loading, *pair, "loader_steps_per_second", loaded, note_key="loader_share") for pair in pairs]
    return Group(settings.rounds, programs, tuple(rows), left_out)


def gemm_floor(precision: str) -> tuple[str, Callable[[Figures, Figures], float]]:
    """Environment steps a second if training did nothing but its matrix products, at the machine's rate."""
    return (
        f"FLOPs / {precision} GEMM rate",
        lambda ours, machine: machine[f"{precision}_{THREADS}"] / ours["flops_per_step"],
    )


def playing(settings: Settings, formats: tuple[str, ...]) -> Group:
    programs: dict[str, Program] = {}
    for precision, rows in [(each, PLAYED_ROWS) for each in reversed(formats)] + [(formats[-1], 1)]:
        programs[f"{precision} {rows}"] = Program.of(
            f"understudy, {rows} row{'s' * (rows > 1)}, {precision}",
            "ours.decoder_playing",
            rows=rows,
            episodes=settings.played_episodes if rows > 1 else max(1, settings.played_episodes // 32),
            precision=precision,
        )
    work = f"playing the decoder, context {LENGTH}, one thread"
    what = "bare environment + max(FLOPs / GEMM rate, bytes / bandwidth)"
    rows = [
        Comparison(
            work,
            f"{precision} {PLAYED_ROWS}",
            f"{precision} {PLAYED_ROWS}",
            "steps_per_second",
            (what, partial(playing_floor, precision)),
            theirs_key="bare_steps_per_second",
            theirs_who="the bare environment, same actions",
        )
        for precision in reversed(formats)
    ]
    rows += [
        Comparison(work, ours, "d3rlpy", "steps_per_second", (what, partial(playing_floor, ours.split()[0])))
        for ours in programs
    ]
    peer = Program.of(
        "d3rlpy, stateful wrapper, 1 row, float32", "peers.d3rlpy_playing", context=LENGTH, steps=settings.peer_steps
    )
    return Group(settings.rounds, programs | {"d3rlpy": peer}, tuple(rows))


def playing_floor(precision: str, ours: Figures, machine: Figures) -> float:
    return 1 / (1 / ours["bare_steps_per_second"] + acting_seconds(precision, ours, machine))


def acting_seconds(precision: str, ours: Figures, machine: Figures) -> float:
    """The least that one row's step of the model can take on one thread."""
    return max(ours["flops_per_step"] / machine[f"{precision}_1"], ours["bytes_per_step"] / machine["bytes_1"])


def recording(settings: Settings) -> Group:
    episodes = settings.recorded_episodes
    works = ("recording", "evaluating")
    programs = {
        f"{work}, {workers}": Program.of(
            f"understudy, {workers} worker{'s' * (workers > 1)}",
            "ours.recording",
            work=work,
            workers=workers,
            episodes=episodes,
            block_size=min(BLOCK_SIZE, episodes // 4),
        )
        for work in works
        for workers in (1, 2)
    }
    floor = (TWO_BARE, lambda ours, machine: machine["environments_2"])
    rows = [
        Comparison(f"{work} {episodes} episodes of the decoder", f"{work}, 2", f"{work}, 1", "steps_per_second", floor)
        for work in works
    ]
    return Group(settings.rounds, programs, tuple(rows))


def cost(settings: Settings, own: str) -> Group:
    given = {"length": settings.length, "window": settings.length // WINDOWS, "contexts": settings.contexts}
    programs = {
        "ours": Program.of(
            f"understudy, {PLAYED_ROWS} rows, {own}",
            "ours.decoder_cost",
            rows=PLAYED_ROWS,
            steps=settings.context_steps,
            **given,
        ),
        "d3rlpy": Program.of("d3rlpy, 1 row, float32", "peers.d3rlpy_cost", steps=settings.peer_context_steps, **given),
    }
    row = Comparison(
        f"one step of the decoder, the last of {settings.length:,} against the first",
        "ours",
        "ours",
        "last",
        (
            "max(FLOPs / GEMM rate, bytes / bandwidth)",
            lambda ours, machine: 1e6 * acting_seconds(own, ours, machine),
        ),
        theirs_key="first",
        theirs_who="understudy, an episode's first steps",
        unit="µs",
        faster_is="lower",
    )
    return Group(settings.rounds, programs, (row,))
