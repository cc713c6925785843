"""Stage folds: within each domain every policy and baseline learns from four fifths of the customers and is judged on the others.

Writes data/folds: of each domain and fold the runs that were judged, and what everybody said of them.

Each fold is this project once more, in a folder of its own, with its own runs and one training seed: the stages' programs are
called in this process, one after the other.
"""

import contextlib
import runpy
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from understudy.errors import DataError
from understudy.logs.importing import import_logs
from understudy.logs.parquet import read_logs
from understudy.logs.selection import UNKNOWN, labels
from understudy.params.load import load_sections
from understudy.params.log_project import LogProject
from understudy.params.project import load_project
from understudy.params.runs import RunParams
from understudy.params.section import Section, Seed
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

PIPELINE = Path(__file__).resolve().parents[2] / "pipeline"
KEPT = ("test", "evaluation")  # folders of a fold's data


class FoldParams(Section):
    """`folds:` in further.yaml.

    Attributes:
        paths: of logs. domains: lists of logs' domains by the name of what they make up together.
        count: folds. seed: of which customers are in which.
    """

    paths: Annotated[list[str], Field(min_length=1)]
    domains: dict[str, list[str]]
    count: Annotated[int, Field(ge=2)]
    seed: Seed


def work() -> None:
    project = load_project(Path("params.yaml"))
    assert isinstance(project, LogProject)
    params: FoldParams = load_sections(Path("further.yaml"), {"folds": FoldParams})["folds"]
    if params.count > len(project.training.seeds):
        raise DataError(
            f"folds.count: expected one of {len(project.training.seeds)} training seeds a fold, got {params.count}"
        )
    with replace_folder(Path("data/folds")) as target, tempfile.TemporaryDirectory() as scratch:
        logs = Path(scratch) / "logs"
        import_logs([Path(path) for path in params.paths], "auto", logs, skip_bad=False, shown=False)
        episodes = read_logs(logs).episodes
        for domain, names in params.domains.items():
            for number, tasks in enumerate(deal(episodes, names, params.count, params.seed)):
                runs = RunParams(domains=names, test_tasks=tasks, test_agents=[])
                learn(project, runs, project.training.seeds[number], logs, target / domain / str(number))
                print(f"{domain}, fold {number}: {sum(map(len, tasks.values()))} tasks", flush=True)


def deal(episodes: pa.Table, domains: list[str], count: int, seed: int) -> list[dict[str, list[str]]]:
    """The tasks of each fold by domain: groups of runs are dealt out in an order that `seed` draws.

    Raises:
        DataError: a run has no task, or there are fewer groups than folds.
    """
    rows = episodes.select(["domain", "task", "num_decisions"]).to_pylist()
    known: dict[str, set[tuple[str, str]]] = {}
    for row, group in zip(rows, labels(episodes, "group"), strict=True):
        domain = row["domain"] or UNKNOWN
        if domain in domains and row["num_decisions"]:
            if row["task"] is None:
                raise DataError(f"folds: expected runs with a task, got one of {domain} without")
            known.setdefault(group, set()).add((domain, row["task"]))
    if len(known) < count:
        raise DataError(f"folds.count: expected at most {len(known)}, the groups of {', '.join(domains)}, got {count}")
    order = np.random.default_rng(seed).permutation(np.asarray(sorted(known), object)).tolist()
    dealt: list[dict[str, list[str]]] = []
    for fold in range(count):
        tasks = sorted(set().union(*(known[group] for group in order[fold::count])))
        dealt.append({domain: [task for of, task in tasks if of == domain] for domain in domains})
    return dealt


def learn(project: LogProject, runs: RunParams, seed: int, logs: Path, target: Path) -> None:
    """One fold: from embedded texts to what policies and baselines say of the runs left out, which is kept in `target`."""
    training = project.training.model_copy(update={"seeds": [seed]})
    known = dict(project) | {"runs": runs, "training": training}
    described, target = Path("data/code").resolve(), target.resolve()
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        data = Path("data")
        data.mkdir()
        (data / "logs").symlink_to(logs)
        (data / "code").symlink_to(described)
        for stage in ("embed_texts", "record_logs", "build_sequences", "select_columns", "evaluate_log_baselines"):
            call(stage, known)
        for policy in project.policies.names:
            for stage in ("train_policy", "evaluate_log"):
                call(stage, known | {"policy": policy, "seed": seed})
        for name in KEPT:
            shutil.copytree(data / name, target / name)


def call(stage: str, known: dict[str, Any]) -> None:
    """A stage's work with what its arguments name; what it prints is left out."""
    program = runpy.run_path(str(PIPELINE / f"{stage}.py"), run_name=stage)
    wanted = [name for name in program["work"].__annotations__ if name != "return"]
    with contextlib.redirect_stdout(None):
        program["work"](**{name: known[name] for name in wanted})


if __name__ == "__main__":
    run_stage(work, __doc__)
