"""Stage strategies: what options tell of the next tool beyond the domain, against k-means. Writes metrics/strategies.json.

On the folds of all domains. A hierarchical policy learns with options found in its training runs; in the runs left out it follows
options of its own, which it chooses before each decision. k-means clusters the same observations. How many nats either takes off
the surprise of the logged choice is counted on the runs left out, by counts from the training runs.
"""

import contextlib
import runpy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from understudy.log_evaluation.follow import follow
from understudy.log_evaluation.intervals import TaskBootstrap
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
FAMILY, EVERYTHING = "hierarchical", "all"
STAGES = ("embed_texts", "record_logs", "build_sequences", "label_options", "select_columns", "train_policy")


class StrategyParams(Section):
    """`strategies:` in further.yaml: how many options, rounds to find them, what smooths counts, and the policy's model."""

    options: Count
    iterations: Count
    smoothing: Positive
    model: dict[str, Any]


def work() -> None:
    project = load_project(Path("params.yaml"))
    assert isinstance(project, LogProject)
    sections = load_sections(Path("further.yaml"), {"folds": FOLDS["FoldParams"], "strategies": StrategyParams})
    params, strategies = sections["folds"], sections["strategies"]
    domains, gains = params.domains[EVERYTHING], []
    with tempfile.TemporaryDirectory() as scratch:
        logs = Path(scratch) / "logs"
        import_logs([Path(path) for path in params.paths], "auto", logs, skip_bad=False, shown=False)
        episodes = read_logs(logs).episodes
        for number, tasks in enumerate(FOLDS["deal"](episodes, domains, params.count, params.seed)):
            runs = RunParams(domains=domains, test_tasks=tasks, test_agents=[])
            gains.append(one_fold(project, strategies, runs, project.training.seeds[number], logs))
            print(f"fold {number}: " + ", ".join(f"{name} {each.mean():.3f}" for name, (each, _) in gains[-1].items()))
    evaluation = project.log_evaluation
    tasks = np.concatenate([of + 1000 * fold for fold, each in enumerate(gains) for _, of in [each["option"]]])
    _, numbers = np.unique(tasks, return_inverse=True)
    bootstrap = TaskBootstrap(numbers, evaluation.resamples, evaluation.confidence, evaluation.seed)
    pooled = {name: np.concatenate([each[name][0] for each in gains])[None] for name in gains[0]}
    every, found = np.ones(len(numbers), bool), {}
    for name, gain in pooled.items():
        interval = bootstrap.share(gain, every)
        found[name] = {"nats": float(gain.mean()), "ci_low": interval.low, "ci_high": interval.high}
        found[name]["folds"] = [float(each[name][0].mean()) for each in gains]
    apart = bootstrap.difference(pooled["option"], pooled["k_means"], every)
    mean = found["option"]["nats"] - found["k_means"]["nats"]
    found["option less k_means"] = {"nats": mean, "ci_low": apart.low, "ci_high": apart.high}
    write_json(Path("metrics/strategies.json"), found)


def one_fold(
    project: LogProject, params: StrategyParams, runs: RunParams, seed: int, logs: Path
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Nats gained at each decision of the runs left out, and the tasks of these, (N,) each, by what tells of the choice."""
    block = {"family": FAMILY, "model": params.model, "play": {}, "best_returns": None, "training": {}}
    known = dict(project) | {
        "runs": runs,
        "training": project.training.model_copy(update={"seeds": [seed]}),
        "policies": PoliciesParams.model_validate({FAMILY: block}),
        "decisions": project.decisions.model_copy(
            update={"copies": 0}
        ),  # with copies options take minutes a fold to find
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
    return {name: (gained(learned, judged, of, params.smoothing), test[1].step_tasks) for name, of in told.items()}


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
