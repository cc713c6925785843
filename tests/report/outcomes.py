"""A small outcome of the pipeline: two untrained students who balance a pole, and toys that cannot be drawn."""

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.toys import CHOICES, recording, tiny_policy
from understudy import read_environment
from understudy.evaluation.score import Evaluated, summarise
from understudy.evaluation.statistics import Bootstrap
from understudy.replay.frames import fly
from understudy.report.sections import Outcome
from understudy.rollouts.parquet import Recording, read_recording, write_recording

CART_POLE = read_environment("CartPole-v1")
CURVE = [
    {"step": 10.0, "train_loss": 1.2, "validation_loss": 1.5},
    {"step": 20.0, "train_loss": 0.3, "validation_loss": 0.4},
]
EXPERT_CURVE = [{"steps": 100.0, "return_mean": -50.0}, {"steps": 200.0, "return_mean": 100.0}]
PARAMS = {
    "training": {"seeds": [0], "steps": 20},
    "evaluation": {"episodes": 4},
    "comparison": {"baseline": "mlp"},
    "policies": {"<b>": {"model": {"name": "</table><script>alert(1)</script>"}}},
}


@functools.cache
def balanced(family: str, seed: int) -> Recording:
    """Four episodes of an untrained policy."""
    trained = tiny_policy(family, CART_POLE, seed=seed)
    with TemporaryDirectory() as folder:
        write_recording(Path(folder), CART_POLE, family, [fly(trained, each, {}) for each in range(4)])
        return read_recording(Path(folder))


def outcome(recordings: dict[str, Recording], families: tuple[str, ...]) -> Outcome:
    """What the report is made of, with the first two recordings as references."""
    spec = recordings["expert"].spec
    return Outcome(
        params=PARAMS,
        summary=summarise(
            {name: Evaluated([each]) for name, each in recordings.items()}, Bootstrap(50, 0.95, 0), "mlp"
        ),
        between={},
        recordings=recordings,
        policies={name: tiny_policy(name, spec) for name in families},
        curves={name: CURVE for name in families},
        expert_curve=EXPERT_CURVE,
        versions={"torch": "2.13.0"},
    )


def poles() -> Outcome:
    """Two students in CartPole."""
    students = ("mlp", "hierarchical")
    played = {name: balanced(name, seed) for seed, name in enumerate(students)}
    best, worst = sorted(
        (balanced("mlp", seed) for seed in range(6)), key=lambda each: each.episodes["return"].mean(), reverse=True
    )[::5]
    return outcome({"expert": best, "random": worst, **played}, students)


def toys() -> Outcome:
    """A student in an environment that does not exist here."""
    rewards = {"expert": [9.0, 12.0], "random": [0.0, 1.0], "mlp": [5.0, 6.0]}
    return outcome({name: recording(each, CHOICES) for name, each in rewards.items()}, ("mlp",))
