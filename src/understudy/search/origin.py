"""What the trials of a search depend on. Where any of it is another, they are of another search, and none of them is used again.

origin_of(...)              -- JSON-ready, by name
code_of_trials(root, ...)   -- the hash of what a trial runs, and the versions of the libraries that it uses
load_one_task(path)         -- params.yaml of a project in which one can search

What only draws, prints or writes values into params.yaml does not count: after an edit there the trials still hold.
"""

from pathlib import Path
from typing import Any

import torch

from understudy.code.closure import SourceTree
from understudy.code.custom import add_custom
from understudy.code.distributions import versions
from understudy.code.fingerprint import fingerprint
from understudy.errors import ParameterError
from understudy.params.log_project import LogProject
from understudy.params.project import load_project
from understudy.params.search import SearchParams
from understudy.params.task_project import TaskProject
from understudy.params.whole import Params
from understudy.params.word_project import WordProject
from understudy.search.space import without_values
from understudy.utils.jsonfile import content_hash
from understudy.utils.precision import resolve_precision

RUN = ("understudy.search.run_trial", "understudy.search.sampler")
Project = Params | LogProject | WordProject


def load_one_task(path: Path) -> Project:
    """params.yaml of a project.

    Raises:
        ParameterError: a section or a value is wrong, or one policy is to learn several tasks.
    """
    project = load_project(path)
    if isinstance(project, TaskProject):
        raise ParameterError(
            f"{path}: expected a project of one task, got several; search in the folder of one of them"
        )
    return project


def origin_of(
    name: str, project: Project, search: SearchParams, *, root: Path, device: torch.device, provenance: dict[str, str]
) -> dict[str, Any]:
    """All that decides a policy's trials, but for the values that they begin with.

    Args:
        name: of the policy.
        project: params.yaml.
        search: the block of search.yaml; its number of trials does not count.
        root: the folder of src, pipeline and custom.
        device: on which students learn.
        provenance: the SHA-256 hashes of what they learn from.
    """
    policy, training = project.policies.named(name), project.training
    policy.check_plain(f"policies.{name}")
    params = without_values(policy, training, search)
    params["training"]["precision"] = resolve_precision(training.precision, device)
    if isinstance(project, Params) and search.objective == "return":
        params["environment"] = project.environment.model_dump()
        params["precision"] = resolve_precision(project.evaluation.precision, torch.device("cpu"))
    code, libraries = code_of_trials(root, policy.family, project)
    return {
        "code": code,
        "data": provenance,
        "device": device.type,
        "libraries": libraries,
        "params": params,
        "search": search.model_dump(exclude={"trials"}),
    }


def code_of_trials(root: Path, family: str, project: Project) -> tuple[str, dict[str, str | None]]:
    """One hash of all modules that training, playing and sampling import, comments left out, and the libraries' versions.

    Args:
        root: the folder of src, pipeline and custom.
        family: of the policy.
        project: params.yaml, which may name code in custom.
    """
    tree, launcher = SourceTree(root / "src"), root / "pipeline/run.py"
    imports = tree.closure(launcher, [*RUN, f"understudy.models.{family}"])
    files = {module: file for module in imports.modules if (file := tree.module_file(module))} | {"run": launcher}
    described: dict[str, dict[str, Any]] = {
        "trials": {
            "modules": {module: fingerprint(file) for module, file in files.items()},
            "distributions": versions(imports.packages),
        }
    }
    if not isinstance(project, LogProject):
        described = add_custom(described, root / "custom", project)
    return content_hash(described["trials"]["modules"]), described["trials"]["distributions"]
