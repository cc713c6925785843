"""What is compared with what: groups(settings, params, study, q_study), programs that take turns, and their comparisons."""

import json
from functools import partial

from benchmarks import decision_transformer, q_learning
from benchmarks.decision_transformer import Study
from benchmarks.formats import NO_BFLOAT16, native_formats
from benchmarks.rows import Comparison, Group, Program, acting_seconds, gemm_floor, playing_floor
from benchmarks.settings import (
    BLOCK_SIZE,
    FLOOR_ROUNDS,
    FLOOR_SECONDS,
    LENGTH,
    PLAYED_ROWS,
    ROWS,
    THREADS,
    WINDOWS,
    Settings,
)
from understudy.params.whole import Params

TWO_BARE = "bare environments in two processes"


def groups(settings: Settings, params: Params, study: Study, q_study: Study) -> dict[str, Group]:
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
        "dt_training": decision_transformer.training(settings, study),
        "dt_playing": decision_transformer.playing(settings, study, formats),
        "returns": decision_transformer.returns(settings, study),
        "returns_longer": decision_transformer.returns_longer(settings, study),
        "q_training": q_learning.q_training(settings, q_study),
        "q_online": q_learning.q_online(settings, q_study),
        "q_returns": q_learning.q_returns(settings, q_study),
        "q_online_returns": q_learning.q_online_returns(settings, q_study),
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
    learned = {**size, "seeds": "{seeds}", "raw": "data/raw"}
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
