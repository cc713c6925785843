"""understudy search: hyperparameters of a policy, by trials that learn from those before them."""

import argparse
import subprocess
import sys
from pathlib import Path

from understudy.errors import DataError, ParameterError

HELP = "search for hyperparameters of a policy, in the space of search.yaml"
EXAMPLE = "understudy search decoder --apply && dvc repro"
PARAMS, STAGES = Path("params.yaml"), Path("dvc.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("policy", help="a block of params.yaml, and of search.yaml, in the current folder")
    parser.add_argument(
        "--apply", action="store_true", help="write the best values into params.yaml when the search is finished"
    )
    parser.add_argument(
        "--pipeline",
        action="store_true",
        help="run each trial through `dvc exp run --temp`: for parameters of earlier stages",
    )


def run(arguments: argparse.Namespace) -> None:
    """Go on with the search, and apply what it has found."""
    from understudy.params.load import read_yaml
    from understudy.params.project import load_project

    load_project(PARAMS)
    root = root_of(read_yaml(STAGES))
    if arguments.pipeline:
        from understudy.search.pipeline import search_pipeline

        print("\n".join(search_pipeline(arguments.policy, root)))
    else:
        # The project's own program, on its own code: with the kernels that its stages have, to which the weights are the same.
        launched = [sys.executable, str(root / "pipeline/run.py"), "search_policy", "--policy", arguments.policy]
        code = subprocess.run(launched, check=False).returncode
        if code:
            sys.exit(code)
    if arguments.apply:
        print(apply_best(arguments.policy))


def root_of(stages: object) -> Path:
    """The folder of the programs that a project's dvc.yaml runs, which its line `vars` names.

    Raises:
        ParameterError: it has no such line.
    """
    match stages:
        case {"vars": [{"root": str(root)}, *_]} if (Path(root) / "pipeline/run.py").is_file():
            return Path(root)
    raise ParameterError(
        f"{STAGES}: expected a line `vars: [{{root: FOLDER}}]`, with a folder that has pipeline/run.py"
    )


def apply_best(policy: str) -> str:
    """Write the best trial's values into params.yaml; returns what has changed and what to do next."""
    from understudy.search.apply import apply_values
    from understudy.search.trial import SEARCHES, TRIALS, best_trial, read_trials

    path = SEARCHES / policy / TRIALS
    origin, trials = read_trials(path)
    best = best_trial(trials, bool(origin) and origin["search"]["objective"] == "return")
    if best is None:
        raise DataError(f"{path}: expected a finished trial, got none")
    changed = apply_values(PARAMS, policy, trials[best].values)
    if not changed:
        return f"{PARAMS} has the values of trial {best} already"
    return f"{PARAMS} has the values of trial {best} now: {', '.join(changed)}; next: dvc repro"
