"""A search in which each trial is the pipeline in a copy of the project: for parameters of earlier stages.

search_pipeline(name, root) -> what came of it, in a few lines

A trial is `dvc exp run --temp` with its values, and with the development seeds in place of those of `evaluation`. What a former
trial, or the project itself, has run already comes from DVC's run cache. The experiments stay, named search-NAME-NUMBER.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dvc.api
import numpy as np
import pyarrow.parquet as pq
from dvc.repo import Repo

from understudy.code.custom import add_custom
from understudy.code.stages import describe_stages
from understudy.errors import DataError, ParameterError
from understudy.params.load import read_yaml
from understudy.params.log_project import LogProject
from understudy.params.search import SearchParams, load_search
from understudy.search.apply import flat
from understudy.search.figure import draw
from understudy.search.loop import check_search, described, go_on
from understudy.search.origin import Project, load_one_task
from understudy.search.sampler import require_optuna
from understudy.search.space import FILE, PARTS, Values, full_key, parameters
from understudy.search.trial import COMPLETE, SEARCHES, Trial
from understudy.utils.jsonfile import content_hash, sha256

PARAMS = Path("params.yaml")


def search_pipeline(name: str, root: Path) -> list[str]:
    """Search in the project of the current folder, whose programs lie in `root`/pipeline.

    Raises:
        ParameterError: the policy does not exist, the space names no parameter, or trials are to be given up.
        DataError: the pipeline fails with the setting of params.yaml.
    """
    project = load_one_task(PARAMS)
    project.policies.named(name)
    search = load_search(FILE, name)
    require_optuna()
    check_search(name, project, search)
    first = first_values(name, project, search)
    origin = origin_of(name, project, search, root)

    def attempt(trials: Sequence[Trial], values: Values) -> Trial:
        return run_experiment(name, search, trials, values)

    trials = go_on(name, search, origin, first, attempt)
    draw(search, trials, SEARCHES / name / "search.png")
    return described(search, trials)


def first_values(name: str, project: Project, search: SearchParams) -> Values:
    """The setting of params.yaml, which is the first trial; keys of the policy's block, or any other of the file."""
    if search.pruning is not None:
        raise ParameterError(
            f"{FILE}: {name}.pruning: expected null with --pipeline, where a trial is not watched, got {search.pruning}"
        )
    others = {key: value for key, value in flat(read_yaml(PARAMS)) if key.partition(".")[0] not in PARTS}
    known = others | parameters(project.policies.named(name), project.training)
    for key, parameter in search.space.items():
        if key not in known:
            raise ParameterError(f"{FILE}: {name}.space.{key}: expected a key of {PARAMS}, got an unknown one")
        if not parameter.holds(known[key]):
            raise ParameterError(
                f"{FILE}: {name}.space.{key}: expected a range that holds {known[key]!r}, the value in params.yaml, with"
                " which the search begins"
            )
    return {key: known[key] for key in search.space}


def origin_of(name: str, project: Project, search: SearchParams, root: Path) -> dict[str, Any]:
    """All that decides the trials, but for the values that they begin with."""
    stages = describe_stages(root, {each: policy.family for each, policy in project.policies.items()})
    if not isinstance(project, LogProject):
        stages = add_custom(stages, root / "custom", project)
    searched = {full_key(key, name) for key in search.space}
    params = {key: value for key, value in flat(read_yaml(PARAMS)) if key not in searched | {"compute.workers"}}
    return {
        "code": content_hash(stages),
        "data": _sources(),
        "params": {key: value for key, value in params.items() if value != {}},
        "pipeline": True,
        "search": search.model_dump(exclude={"trials"}),
    }


def _sources() -> dict[str, str]:
    """The hash of each file or folder of the project that a stage reads and none writes, code left out."""
    with Repo() as repo:
        stages = [stage for stage in repo.index.stages if getattr(stage, "name", None) != "code"]
        written = [Path(out.fs_path) for stage in repo.index.stages for out in stage.outs]
        read = {Path(dep.fs_path) for stage in stages for dep in stage.deps if dep.fs_path}
        folder = Path(repo.root_dir)
    sources = sorted(
        path for path in read if not any(out in (path, *path.parents) for out in written) and path.exists()
    )
    return {os.path.relpath(path, folder): _hash(path) for path in sources}


def _hash(path: Path) -> str:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return content_hash({str(file.relative_to(path)): sha256(file) for file in files})


def run_experiment(name: str, search: SearchParams, trials: Sequence[Trial], values: Values) -> Trial:
    """One trial, as an experiment of DVC.

    Raises:
        DataError: it is the first one, and the pipeline fails.
    """
    experiment = f"search-{name}-{len(trials)}"
    if _revision(experiment) is not None:  # of a search that was interrupted, or of another one
        _dvc("exp", "remove", experiment)
    settings = {full_key(key, name): value for key, value in values.items()}
    stage = "train_policy"
    if search.objective == "return":
        assert search.development is not None
        settings |= {f"evaluation.{key}": value for key, value in search.development.model_dump().items()}
        stage = "evaluate_policy"
    given = [word for key, value in settings.items() for word in ("--set-param", f"++{key}={json.dumps(value)}")]
    targets = [f"{stage}@{name}-{seed}" for seed in search.training_seeds]
    done = _dvc("exp", "run", "--temp", "--quiet", "--name", experiment, *given, *targets)
    revision = _revision(experiment)
    if done.returncode or revision is None:
        problem = " ".join(done.stderr.strip().splitlines()[-2:]) or "an experiment without a name"
        if not trials:
            raise DataError(f"dvc exp run: expected the pipeline to run with the values of params.yaml, got: {problem}")
        return Trial(values, problem=problem)
    return _judged(name, search, values, revision)


def _judged(name: str, search: SearchParams, values: Values, revision: str) -> Trial:
    """The trial, by what its experiment has left in DVC's cache."""
    trial, losses = Trial(values, COMPLETE), []
    for seed in search.training_seeds:
        folder = f"{name}/seed_{seed}"
        trial.weights.append(hashlib.sha256(_read(f"models/{folder}/model.safetensors", revision)).hexdigest())
        if search.objective == "return":
            table = pq.read_table(
                io.BytesIO(_read(f"data/evaluation/{folder}/episodes.parquet", revision)), columns=["return"]
            )
            trial.returns.append(table["return"].to_pylist())
        else:
            losses.append(json.loads(_read(f"models/{folder}/held_out.json", revision))["loss"])
    trial.value = float(np.mean(trial.returns or losses))
    return trial


def _read(path: str, revision: str) -> bytes:
    with dvc.api.open(path, rev=revision, mode="rb") as file:
        return file.read()


def _revision(experiment: str) -> str | None:
    """The commit of an experiment; None where there is none of that name."""
    listed = subprocess.run(
        ("git", "for-each-ref", "--format=%(objectname) %(refname:lstrip=-1)", "refs/exps"),
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.split()[0] for line in listed.stdout.splitlines() if line.split()[1:] == [experiment]]
    return found[0] if found else None


def _dvc(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((sys.executable, "-m", "dvc", *words), capture_output=True, text=True, check=False)
