"""What our learning of action values is compared with: offline d3rlpy's DiscreteCQL, online stable-baselines3's DQN.

q_training(settings, study) -- speeds of learning offline, from the same recordings
q_online(settings, study)   -- environment steps a second, learning included
q_returns, q_online_returns -- scores, measured where they are asked for by name

The study is the run of the pipeline whose recordings they learn from, and whose policies are ours.
"""

import json
from pathlib import Path

from benchmarks.decision_transformer import EVALUATIONS, RECORDINGS, SEQUENCES, Study, where_it_has_run
from benchmarks.rows import Comparison, Group, Program, ScoreComparison, gemm_floor
from benchmarks.settings import THREADS, Settings
from understudy.evaluation.statistics import Bootstrap

STUDENT, IMITATOR = "q", "bc"  # policies of the study, of the same size
ONLINE = "scratch_ucb"  # a way in which it goes on online
IMPROVED = Path("improved")
DQN = {  # rl-baselines3-zoo's hyperparameters for LunarLander
    "learning_rate": 6.3e-4,
    "batch_size": 128,
    "buffer_size": 50_000,
    "learning_starts": 0,
    "gamma": 0.99,
    "target_update_interval": 250,
    "train_freq": 4,
    "gradient_steps": -1,
    "exploration_fraction": 0.12,
    "exploration_final_eps": 0.1,
    "policy_kwargs": {"net_arch": [256, 256]},
}
CQL_ALPHA = 1.0  # d3rlpy's own weight of the conservative loss
CQL_LAYERS = [256, 256]


def q_training(settings: Settings, study: Study) -> Group:
    """Learning offline: transitions that the loss counts a second, also beside imitation by a decoder of the same size."""
    training = study.training(STUDENT)
    rows, length = training.batch_size, training.chunk_length
    ours, decoder = (
        Program.of(
            name,
            "ours.decoder_training",
            precision="float32",
            threads=THREADS,
            run=study.folder,
            policy=policy,
            rows=rows,
            length=length,
            batches=settings.batches,
        )
        for name, policy in (("understudy, float32", STUDENT), ("our decoder, float32", IMITATOR))
    )
    theirs = cql(settings, study, steps=settings.batches, episodes=0)
    work = f"learning action values offline, batches of {rows} x {length} steps"
    floor = gemm_floor("float32")
    comparisons = (
        Comparison(work, "ours", "d3rlpy", "steps_per_second", floor),
        Comparison(work, "ours", "decoder", "steps_per_second", floor),
    )
    programs = {"ours": ours, "d3rlpy": theirs, "decoder": decoder}
    return where_it_has_run(Group(settings.rounds, programs, comparisons), study, [SEQUENCES, RECORDINGS])


def q_returns(settings: Settings, study: Study) -> Group:
    """Scores of what is learned offline from the same episodes, with as many transitions."""
    training = study.training(STUDENT)
    rounds = settings.seeds if settings.quick else len(training.seeds)
    steps = max(1, round(settings.peer_steps_share * training.steps))
    given = {"run": study.folder, "policy": STUDENT, "episodes": settings.scored_episodes}
    programs = {
        "ours": Program.of(f"understudy, {training.steps:,} steps", "ours.returns", **given),
        "d3rlpy": cql(settings, study, steps, settings.scored_episodes),
    }
    row = ScoreComparison(f"action values, learned from {study.folder}", "ours", "d3rlpy", bootstrap(study))
    evaluations = [EVALUATIONS / STUDENT / f"seed_{seed}" for seed in training.seeds]
    needed = [SEQUENCES, *evaluations, EVALUATIONS / "expert", EVALUATIONS / "random"]
    return where_it_has_run(Group(rounds, programs, (row,), by_request=True), study, needed)


def q_online(settings: Settings, study: Study) -> Group:
    """Environment steps a second from scratch, learning included."""
    programs = {
        "ours": Program.of(
            "understudy",
            "ours.improving",
            run=study.folder,
            name=ONLINE,
            steps=settings.online_steps,
            folder="{folder}",
        ),
        "sb3": dqn(settings, study, settings.online_steps, 0),
    }
    floor = ("bare environment", lambda ours, machine: machine["environment"])
    work = f"learning online, {settings.online_steps:,} steps from scratch"
    row = Comparison(work, "ours", "sb3", "steps_per_second", floor)
    return where_it_has_run(Group(settings.rounds, programs, (row,)), study, [SEQUENCES])


def q_online_returns(settings: Settings, study: Study) -> Group:
    """Scores after equally many environment steps from scratch."""
    seeds, improvement = study.params.training.seeds, study.params.improvement
    assert improvement is not None
    steps = improvement.named(ONLINE).steps
    rounds = settings.seeds if settings.quick else len(seeds)
    given = {"run": study.folder, "name": ONLINE, "episodes": settings.scored_episodes}
    programs = {
        "ours": Program.of(f"understudy, {steps:,} environment steps", "ours.improved_returns", **given),
        "sb3": dqn(settings, study, max(1, round(settings.peer_steps_share * steps)), settings.scored_episodes),
    }
    row = ScoreComparison("online from scratch, equal environment steps", "ours", "sb3", bootstrap(study))
    needed = [*(IMPROVED / ONLINE / f"seed_{seed}" for seed in seeds), EVALUATIONS / "expert", EVALUATIONS / "random"]
    return where_it_has_run(Group(rounds, programs, (row,), by_request=True), study, needed)


def bootstrap(study: Study) -> Bootstrap:
    comparison = study.params.comparison
    return Bootstrap(comparison.resamples, comparison.confidence, comparison.seed)


def cql(settings: Settings, study: Study, steps: int, episodes: int) -> Program:
    """d3rlpy's, with ours of what it has as well: learning rate, discount, heads, and transitions a step."""
    training, model = study.training(STUDENT), study.params.policies.named(STUDENT).model
    hyperparameters = {
        "steps": steps,
        "batch_size": training.batch_size * training.chunk_length,
        "learning_rate": training.learning_rate,
        "gamma": model["discount"],
        "n_critics": model["num_heads_of_values"],
        "target_update_interval": round(1 / model["target_rate"]),
        "alpha": CQL_ALPHA,
        "hidden_units": CQL_LAYERS,
    }
    return Program.of(
        f"d3rlpy's DiscreteCQL, {steps:,} steps",
        "peers.d3rlpy_cql",
        raw=study.folder / RECORDINGS,
        seeds="{q_seeds}",
        hyperparameters=json.dumps(hyperparameters),
        threads=THREADS,
        seed="{round}",
        first_seed=study.params.evaluation.first_seed,
        episodes=episodes,
    )


def dqn(settings: Settings, study: Study, steps: int, episodes: int) -> Program:
    """stable-baselines3's, with the zoo's hyperparameters."""
    return Program.of(
        f"stable-baselines3's DQN, {steps:,} steps",
        "peers.sb3_dqn",
        steps=steps,
        hyperparameters=json.dumps(DQN),
        threads=study.params.training.threads,
        seed="{round}",
        first_seed=study.params.evaluation.first_seed,
        episodes=episodes,
    )
