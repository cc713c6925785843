"""A small copy of this project in a folder of its own, and questions asked of DVC about it."""

import contextlib
import copy
import io
import logging
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import networkx
from dvc import cli
from dvc.repo import Repo, lock_repo
from dvc.utils import strictyaml
from dvc.utils.serialize import _yaml
from ruamel.yaml import YAML

from tests.forked import start
from tests.imports import ROOT
from tests.read_once import KNOWN, files_read_once
from understudy.code import stages

SMALL = {
    "environment.id": "CartPole-v1",
    "expert.total_steps": 4096,
    "expert.threads": 1,
    "expert.hidden_sizes": [16],
    "expert.ppo.num_environments": 4,
    "expert.ppo.n_steps": 128,
    "expert.ppo.batch_size": 128,
    "expert.ppo.n_epochs": 8,
    "expert.ppo.learning_rate": 0.003,
    "rollouts.episodes": 12,
    "rollouts.block_size": 6,
    "options.count": 2,
    "options.iterations": 3,
    "options.restarts": 1,
    "training.threads": 1,
    "training.steps": 6,
    "training.batch_size": 4,
    "training.chunk_length": 16,
    "training.evaluate_every": 3,
    "policies.decoder.model.embed_dim": 16,
    "policies.decoder.model.num_layers": 1,
    "policies.decoder.model.num_heads": 2,
    "policies.decoder.model.hidden_dim": 32,
    "policies.hierarchical.model.embed_dim": 16,
    "policies.hierarchical.model.num_layers": 1,
    "policies.hierarchical.model.num_heads": 2,
    "policies.hierarchical.model.hidden_dim": 32,
    "evaluation.episodes": 6,
    "evaluation.block_size": 3,
    "comparison.resamples": 100,
}


SECONDS = 1200  # after so many a command of DVC is ended, with the stages that it runs


def environment():
    """The variables of this process, with the tools of this interpreter first and no trace of this workspace's code."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
    return variables | {"DVC_NO_ANALYTICS": "1"}  # which DVC sends in a process of its own


def run(folder, *command, **variables):
    """Run a command in a folder and return what it printed; fails with that text if the command does."""
    variables = environment() | variables
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def dvc(folder, *words, **variables):
    """Give DVC a command in a folder and return what it printed; fails with that text if the command does.

    In a fork, which has imported DVC already.
    """
    variables = environment() | variables

    def work():
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        for handler in logging.getLogger("dvc").handlers:
            handler.setStream(sys.stdout)
        with yaml_read_once():
            sys.exit(cli.main([*words]))

    code, printed, said = start(work, SECONDS).wait()
    assert code == 0, f"dvc {' '.join(words)}\n{printed}\n{said}"
    return printed + said


def copy_project(target):
    """Copy what git tracks or would track, with small parameters and no results, and commit it in a repository of its own."""
    listed = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in listed:
        source = ROOT / name
        if source.is_file() and not name.startswith(("data/", "models/", "metrics/", "dvc.lock", "tests/", "studies/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)
    set_params(target, SMALL)
    run(target, "git", "init", "--quiet")
    run(target, "git", "config", "user.email", "test@example.com")
    run(target, "git", "config", "user.name", "test")
    commit(target, "Small project")


def copy_study(target, name, policies):
    """Copy a study into such a project, with the project's own small parameters and these policies of theirs alone; commit it."""
    source, folder = ROOT / "studies" / name, target / "studies" / name
    results = shutil.ignore_patterns("data", "models", "metrics", "dvc.lock", "tmp", "cache", ".checkpoints")
    shutil.copytree(source, folder, ignore=results)
    shutil.copy(ROOT / "studies" / ".gitignore", target / "studies")
    yaml = YAML()
    params = yaml.load(target / "params.yaml")
    params["policies"] = {name: params["policies"][name] for name in policies}
    yaml.dump(params, folder / "params.yaml")
    commit(target, name)
    return folder


def commit(folder, message):
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)


def set_params(folder, changes):
    """Set dotted keys in the folder's params.yaml."""
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = params
        for part in sections:
            section = section[part]
        assert name in section, key
        section[name] = value
    yaml.dump(params, folder / "params.yaml")


def describe_code(folder, root=None):
    """Do the work of stage `code` in this process and return what it prints: quicker than `dvc repro code`, which starts two.

    The program is that of `root`, the folder itself where none is given. Files that have not changed since the last time are not
    read again as Python.
    """
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed, files_read_once():
        runpy.run_path(str((root or folder) / "pipeline" / "code.py"))["work"]()
    return printed.getvalue()


def describe(root, families):
    """The descriptions of the stages, for which no file is read again as Python either."""
    with files_read_once():
        return stages.describe_stages(root, families)


@contextlib.contextmanager
def yaml_read_once():
    """Within it, DVC parses each text of YAML once in this process: it reads params.yaml and dvc.lock anew for every question."""
    parse = _yaml.parse_yaml

    def parse_once(text, *given, **options):
        key = "yaml", text, given[1:], *options.items()  # but for the path, which errors alone name
        if key not in KNOWN:
            KNOWN[key] = parse(text, *given, **options)
        return copy.deepcopy(KNOWN[key])

    with patch.object(_yaml, "parse_yaml", parse_once), patch.object(strictyaml, "parse_yaml", parse_once):
        yield


def put_back(folder):
    """Make the folder what was committed last, with the outputs that its dvc.lock names."""
    run(folder, "git", "checkout", "--quiet", ".")
    with yaml_read_once(), Repo(folder) as repo:
        repo.checkout(force=True)


def stages_to_rerun(folder, but_for=()):
    """Names of the stages that DVC finds changed, and of all that depend on them, leaving out those `but_for`.

    These must be among those that have changed.
    """
    with yaml_read_once(), Repo(folder) as repo, lock_repo(repo):  # held, so that DVC makes its graph once
        status, graph = repo.status(), repo.index.graph
        changed = [stage for stage in graph if stage.addressing in status]
        assert {stage.name for stage in changed} >= set(but_for)
        found = set()
        for stage in changed:
            if stage.name not in but_for:
                found |= {stage, *networkx.ancestors(graph, stage)}  # an edge leads from a stage to what it depends on
        return {stage.name for stage in found}
