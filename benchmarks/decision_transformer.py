"""What our Decision Transformer is compared with: the peers' training, the peer that plays, and what each of them scores.

Study                              -- the run of the pipeline whose recordings all of them learn from
training, playing(settings, study) -- groups of speeds, after the form of the decoder's
returns, returns_longer(...)       -- groups of scores, measured where they are asked for by name
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.rows import Comparison, Group, Program, ScoreComparison, gemm_floor, playing_floor
from benchmarks.settings import LENGTH, PLAYED_ROWS, ROWS, THREADS, Settings
from understudy.errors import ParameterError
from understudy.evaluation.statistics import Bootstrap
from understudy.nn.return_conditioning import resolve_target
from understudy.params.training import TrainingParams
from understudy.params.whole import Params, load_params
from understudy.sequences.store import open_sequences

STUDENT = "dt"
RECORDINGS, SEQUENCES, EVALUATIONS = Path("data/raw"), Path("data/processed/sequences"), Path("data/evaluation")
LONGER = 10  # times as many optimizer steps as ours
PEERS = ("d3rlpy", "hf")
KZL = {  # run_dt_gym's defaults in github.com/kzl/decision-transformer
    "context": 20,
    "embed_dim": 128,
    "num_layers": 3,
    "num_heads": 1,
    "dropout": 0.1,
    "batch_size": 64,
    "learning_rate": 1e-4,
    "weight_decay": 1e-4,
    "max_grad_norm": 0.25,
    "return_scale": 100.0,  # of a return of some hundreds, as 1000 is of Hopper's 3600
}
WARMUP_SHARE = 0.1  # of the optimizer steps: 10,000 of kzl's 100,000


@dataclass(frozen=True)
class Study:
    """A run of the pipeline in which our Decision Transformer learns from recordings of mixed quality."""

    folder: Path
    params: Params

    @classmethod
    def load(cls, folder: Path) -> "Study":
        return cls(folder, load_params(folder / "params.yaml"))

    def training(self, policy: str) -> TrainingParams:
        """How a policy is trained: the section `training:` and what its own block has otherwise."""
        block = self.params.policies.named(policy).training
        return self.params.training.of_policy(block, f"policies.{policy}.training")

    def target_return(self) -> float:
        """What ours is asked for, as a raw return.

        Raises:
            DataError: it is a quantile, and the sequences have not been built.
            ParameterError: it is no number that peers could be asked for.
        """
        target = self.params.policies.named(STUDENT).play["target_return"]
        if isinstance(target, str):
            raise ParameterError(
                f"{self.folder}/params.yaml: policies.{STUDENT}.play.target_return: expected a number or a quantile,"
                f" since the peers know no other, got {target!r}"
            )
        if not isinstance(target, Mapping):
            return float(target)
        task = open_sequences(self.folder / SEQUENCES, "train").interface.task
        return resolve_target(target, task.return_quantiles)


def training(settings: Settings, study: Study) -> Group:
    size = {"rows": ROWS, "length": LENGTH, "batches": settings.batches, "threads": THREADS}
    learned = {**size, "seeds": "{study_seeds}", "raw": study.folder / RECORDINGS}
    ours = {"precision": "float32", "run": study.folder, "policy": STUDENT, **size}
    alike = json.dumps({"return_bins": 0})  # no peer learns the distribution of returns
    programs = {
        "ours": Program.of("understudy, float32", "ours.decoder_training", **ours),
        "ours alike": Program.of(
            "understudy without the distribution of returns, float32", "ours.decoder_training", model=alike, **ours
        ),
        "d3rlpy": Program.of("d3rlpy, float32", "peers.d3rlpy_training", **learned),
        "hf": Program.of("transformers, float32", "peers.transformers_training", precision="float32", **learned),
    }
    work = f"training a Decision Transformer, 3 layers of 128, {ROWS} rows of {LENGTH} steps"
    floor = gemm_floor("float32")
    rows = tuple(
        Comparison(work, mine, peer, "steps_per_second", floor) for mine in ("ours", "ours alike") for peer in PEERS
    )
    return where_it_has_run(Group(settings.rounds, programs, rows), study, [SEQUENCES])


def playing(settings: Settings, study: Study, formats: tuple[str, ...]) -> Group:
    ours = {
        f"{precision} {PLAYED_ROWS}": Program.of(
            f"understudy, {PLAYED_ROWS} rows, {precision}",
            "ours.decoder_playing",
            rows=PLAYED_ROWS,
            episodes=settings.played_episodes,
            precision=precision,
            run=study.folder,
            policy=STUDENT,
        )
        for precision in reversed(formats)
    }
    peer = Program.of(
        "d3rlpy, stateful wrapper, 1 row, float32", "peers.d3rlpy_playing", context=LENGTH, steps=settings.peer_steps
    )
    work = f"playing the Decision Transformer, context {LENGTH}, one thread"
    what = "bare environment + max(FLOPs / GEMM rate, bytes / bandwidth)"
    rows = tuple(
        Comparison(work, label, "d3rlpy", "steps_per_second", (what, partial(playing_floor, label.split()[0])))
        for label in ours
    )
    weights = Path("models") / STUDENT / f"seed_{study.params.training.seeds[0]}"
    return where_it_has_run(Group(settings.rounds, ours | {"d3rlpy": peer}, rows), study, [weights])


def returns(settings: Settings, study: Study) -> Group:
    """Scores of peers that take as many optimizer steps as ours."""
    rounds = settings.seeds if settings.quick else len(study.params.training.seeds)
    return scores(rounds, peer_steps(settings, study), settings, study)


def returns_longer(settings: Settings, study: Study) -> Group:
    """Scores of peers that learn for longer, since our number of steps is few at kzl's learning rate."""
    return scores(settings.seeds, LONGER * peer_steps(settings, study), settings, study)


def peer_steps(settings: Settings, study: Study) -> int:
    return max(1, round(settings.peer_steps_share * study.training(STUDENT).steps))


def scores(rounds: int, steps: int, settings: Settings, study: Study) -> Group:
    """Ours as the study has evaluated it, and in each round a training of each peer, all on the same evaluation seeds."""
    training, comparison = study.training(STUDENT), study.params.comparison
    size = f"{training.steps:,} steps of {training.batch_size} rows of {training.chunk_length}"
    given = {"run": study.folder, "policy": STUDENT, "episodes": settings.scored_episodes}
    programs = {"ours": Program.of(f"understudy, {size}", "ours.returns", **given)}
    bootstrap = Bootstrap(comparison.resamples, comparison.confidence, comparison.seed)
    work = f"acting for a return, learned from {study.folder}"
    rows = tuple(ScoreComparison(work, "ours", peer, bootstrap) for peer in PEERS)
    evaluations = [EVALUATIONS / STUDENT / f"seed_{seed}" for seed in training.seeds]
    needed = [SEQUENCES, *evaluations, EVALUATIONS / "expert", EVALUATIONS / "random"]
    group = where_it_has_run(Group(rounds, programs, rows, by_request=True), study, needed)
    return group if group.left_out else replace(group, programs=programs | learning_peers(steps, settings, study))


def learning_peers(steps: int, settings: Settings, study: Study) -> dict[str, Program]:
    """Peers that learn with kzl's settings and are asked for what ours is asked for."""
    given = {
        "raw": study.folder / RECORDINGS,
        "seeds": "{study_seeds}",
        "hyperparameters": json.dumps(KZL | {"steps": steps, "warmup_steps": max(1, round(WARMUP_SHARE * steps))}),
        "seed": "{round}",
        "target_return": study.target_return(),
        "first_seed": study.params.evaluation.first_seed,
        "episodes": settings.scored_episodes,
    }
    size = f"{steps:,} steps of {KZL['batch_size']} rows of {KZL['context']}"
    return {
        "d3rlpy": Program.of(f"d3rlpy, {size}", "peers.d3rlpy_returns", **given),
        "hf": Program.of(f"transformers, {size}", "peers.transformers_returns", **given),
    }


def where_it_has_run(group: Group, study: Study, needed: list[Path]) -> Group:
    """The group, or one that is left out where the study has not made what it needs."""
    missing = [path for path in needed if not (study.folder / path).exists()]
    if not missing:
        return group
    why = f"`dvc repro` in {study.folder} has not made {missing[0]} yet"
    labels = {label for row in group.comparisons for label in (row.ours, row.theirs)}
    return replace(group, programs={}, left_out=dict.fromkeys(sorted(labels), why))
