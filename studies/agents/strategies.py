"""Stage strategies@SEED: what options tell of the next tool beyond the domain, against k-means, in one fold of all domains.

Writes data/strategies/seed_SEED.json. A hierarchical policy learns with options found in its training runs; in the runs left out
it follows options of its own, which it chooses before each decision. k-means clusters the same observations. How many nats either
takes off the surprise of the logged choice is counted on the runs left out, by counts from the training runs.
"""

import contextlib
import runpy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from understudy.errors import DataError
from understudy.log_evaluation.follow import follow
from understudy.log_evaluation.runs import JudgedRuns
from understudy.log_evaluation.splits import read_splits
from understudy.logs.importing import import_logs
from understudy.logs.parquet import read_logs
from understudy.logs.selection import UNKNOWN
from understudy.models.registry import load_family
from understudy.params.load import load_sections
from understudy.params.log_project import LogProject
from understudy.params.policies import PoliciesParams
from understudy.params.project import load_project
from understudy.params.runs import RunParams
from understudy.params.section import Count, Positive, Section
from understudy.policies.files import load_trained
from understudy.stage import run_stage
from understudy.utils.jsonfile import write_json

FOLDS = runpy.run_path(str(Path(__file__).with_name("folds.py")), run_name="folds")
LOADS = ("hierarchical",)
[FAMILY], EVERYTHING = LOADS, "all"
STAGES = ("embed_texts", "record_logs", "build_sequences", "label_options", "select_columns", "train_policy")


class StrategyParams(Section):
    """`strategies:` in further.yaml: how many options, rounds to find them, what smooths counts, and the policy's model."""

    options: Count
    iterations: Count
    smoothing: Positive
    model: dict[str, Any]


def work(seed: int) -> None:
    project = load_project(Path("params.yaml"))
    assert isinstance(project, LogProject)
    sections = load_sections(Path("further.yaml"), {"folds": FOLDS["FoldParams"], "strategies": StrategyParams})
    params, number = sections["folds"], fold_of(seed, project.training.seeds, sections["folds"].count)
    domains = params.domains[EVERYTHING]
    with tempfile.TemporaryDirectory() as scratch:
        logs = Path(scratch) / "logs"
        import_logs([Path(path) for path in params.paths], "auto", logs, skip_bad=False, shown=False)
        tasks = FOLDS["deal"](read_logs(logs).episodes, domains, params.count, params.seed)[number]
        runs = RunParams(domains=domains, test_tasks=tasks, test_agents=[])
        gains, of = one_fold(project, sections["strategies"], runs, seed, logs)
    target = Path(f"data/strategies/seed_{seed}.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, {"tasks": of.tolist(), "gains": {name: gain.tolist() for name, gain in gains.items()}})
    told = ", ".join(f"{name} {gain.mean():.3f}" for name, gain in gains.items())
    print(f"fold {number}: {told} nats a decision, of {len(of)}")


def fold_of(seed: int, seeds: Sequence[int], count: int) -> int:
    """The n-th fold is learned from the n-th training seed.

    Raises:
        DataError: the seed is none of these, or stands for no fold.
    """
    if seed not in list(seeds)[:count]:
        raise DataError(f"seed: expected one of {list(seeds)[:count]}, a training seed a fold, got {seed}")
    return list(seeds).index(seed)


def one_fold(
    project: LogProject, params: StrategyParams, runs: RunParams, seed: int, logs: Path
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Nats gained at each decision of the runs left out (N,), by what tells of the choice; and the tasks of these (N,)."""
    block = {"family": FAMILY, "model": params.model, "play": {}, "best_returns": None, "training": {}}
    known = dict(project) | {
        "runs": runs,
        "training": project.training.model_copy(update={"seeds": [seed]}),
        "policies": PoliciesParams.model_validate({FAMILY: block}),
        # With noisy copies it takes minutes a fold to find options.
        "decisions": project.decisions.model_copy(update={"copies": 0}),
        "options": project.options.model_copy(
            update={"count": params.options, "seed": seed, "iterations": params.iterations, "restarts": 1}
        ),
    }
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        Path("data/code").mkdir(parents=True)
        Path("data/logs").symlink_to(logs)
        write_json(Path("data/code/select_columns.json"), {"reads": {FAMILY: sorted(load_family(FAMILY).reads)}})
        for stage in STAGES:
            FOLDS["call"](stage, known | {"policy": FAMILY, "seed": seed})
        splits = read_splits(Path("data/raw"), Path("data/test"), project.sequences)
        training, test = splits["train"], splits["test"]
        trained = load_trained(Path("models") / FAMILY / f"seed_{seed}")
        options = [follow(trained, recording).options for recording, _ in (training, test)]
    scaler = StandardScaler().fit(training[0].steps["observation"])
    scaled = [scaler.transform(recording.steps["observation"]) for recording, _ in (training, test)]
    clusters = KMeans(params.options, n_init=4, random_state=seed).fit(scaled[0])
    told = {"option": options, "k_means": [clusters.predict(each) for each in scaled]}
    learned, judged = ((domains_of(runs), runs.labels) for _, runs in (training, test))
    return {name: gained(learned, judged, of, params.smoothing) for name, of in told.items()}, test[1].step_tasks


def domains_of(runs: JudgedRuns) -> np.ndarray:
    """The domain of each step's task, (N,) text; tau-bench's is airline."""
    names = [name.partition("/")[0].replace(UNKNOWN, "airline") for name in runs.task_names]
    return np.asarray(names)[runs.step_tasks]


def gained(
    learned: tuple[np.ndarray, np.ndarray],
    judged: tuple[np.ndarray, np.ndarray],
    told: list[np.ndarray],
    smoothing: float,
) -> np.ndarray:
    """log p(choice | domain, told) - log p(choice | domain) of each judged step (M,), nats.

    Args:
        learned, judged: domains and choices of the steps, (N,) and (M,). told: what is told of them. smoothing: how many steps an
            even distribution weighs in a domain's, and the domain's in that of what is told.
    """
    (domains, choices), (judged_domains, judged_choices) = learned, judged
    size = int(max(choices.max(), judged_choices.max())) + 1
    even = np.full(size, 1 / size)
    gains = np.zeros(len(judged_choices))
    for domain in np.unique(judged_domains):
        of, here = domains == domain, judged_domains == domain
        plain = _shares(choices[of], even, smoothing)
        for value in np.unique(told[1][here]):
            informed, steps = _shares(choices[of & (told[0] == value)], plain, smoothing), here & (told[1] == value)
            gains[steps] = np.log(informed[judged_choices[steps]] / plain[judged_choices[steps]])
    return gains


def _shares(choices: np.ndarray, before: np.ndarray, smoothing: float) -> np.ndarray:
    """Of each choice (C,)."""
    counts = np.bincount(choices, minlength=len(before))
    return np.asarray((counts + smoothing * before) / (counts.sum() + smoothing))


if __name__ == "__main__":
    run_stage(work, __doc__)
