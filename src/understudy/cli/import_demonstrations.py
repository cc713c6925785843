"""understudy import: a project on demonstrations that exist already."""

import argparse
import json
import re
from pathlib import Path
from typing import Any, get_args

from understudy.cli.project import TEMPLATES, create_project, source
from understudy.errors import ParameterError
from understudy.params.demonstrations import Columns, DemonstrationParams, Format
from understudy.params.environment import EnvironmentParams
from understudy.params.load import validated

HELP = "read demonstrations that exist already, and make a project that learns from them"
EXAMPLE = "understudy import flights.npz --environment LunarLander-v3 --to studies/mine && cd studies/mine && dvc repro"
SUFFIXES = {".npz": "npz", ".hdf5": "hdf5", ".h5": "hdf5", ".parquet": "parquet"}
FORMATS, COLUMNS = get_args(Format), tuple(Columns.model_fields)
NOTES = """# {name}

Policies learn from demonstrations that were there: `{path}`, in the format `{kind}`, of `{environment}`. There is no expert
to ask, so the table has no agreement, and a score counts from the random actor (0) to what the demonstrations returned (1).
Made by `understudy import`; `dvc repro` runs it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("path", help="a file, a folder, or the id of a dataset of Minari")
    parser.add_argument("--environment", required=True, metavar="ID", help="in which the policies are to act")
    parser.add_argument(
        "--to", required=True, type=Path, metavar="FOLDER", help="the new project, which must not exist yet"
    )
    parser.add_argument("--format", choices=FORMATS, help="told by the file's name where it can be")
    parser.add_argument(
        "--wrapper", action="append", default=[], metavar="NAME", help="around the environment, innermost first"
    )
    for name in COLUMNS:
        parser.add_argument(
            f"--{name}", metavar="COLUMN", help=f"of a table: the column of the {name}; several by commas"
        )


def run(arguments: argparse.Namespace) -> None:
    """Read all of the demonstrations once, before anything is made."""
    from understudy.environments.make import read_spec
    from understudy.sources.read import read_demonstrations

    environment = EnvironmentParams(
        id=arguments.environment, kwargs={}, wrappers=[{"name": name} for name in arguments.wrapper]
    )
    path = locate(arguments.path, arguments.format)
    columns = columns_of(arguments)
    content: dict[str, Any] = {
        "path": str(path),
        "format": arguments.format or kind_of(path),
        "columns": columns or None,
    }
    demonstrations = validated(Path("understudy import"), content, DemonstrationParams)
    if arguments.to.exists():
        raise ParameterError(f"--to: expected a folder that does not exist yet, got {arguments.to}")
    returns = [episode.total_return for episode in read_demonstrations(demonstrations, read_spec(environment))]
    dvc_yaml = (TEMPLATES / "own_demonstrations.yaml").read_text(encoding="utf-8")
    copied = demonstrations.model_copy(update={"path": f"demonstrations/{path.name}"})
    notes = NOTES.format(name=arguments.to.name, path=copied.path, kind=copied.format, environment=environment.id)
    following = create_project(arguments.to, dvc_yaml, params_text(environment, copied), notes, {copied.path: path})
    mean = sum(returns) / len(returns)
    print(f"{len(returns)} episodes, mean return {mean:.1f}, are copied to {arguments.to}; next: {following}")


def locate(name: str, kind: str | None) -> Path:
    """The file or folder; of Minari the folder of a local dataset by its id."""
    path = Path(name).expanduser()
    if kind == "minari" and not path.exists():
        from understudy.sources.optional import import_optional

        import_optional("minari", "minari", "datasets of Minari")
        from minari.storage.datasets_root_dir import get_dataset_path

        path = Path(get_dataset_path(name))
    if not path.exists():
        raise ParameterError(f"expected a file or a folder, found no {name}")
    return path


def kind_of(path: Path) -> str:
    """The format that a file or folder seems to have.

    Raises:
        ParameterError: it does not tell.
    """
    if path.is_dir():
        names = {each.name for each in path.iterdir()}
        for found, kind in (({"steps.parquet"}, "recording"), ({"meta", "data"}, "lerobot"), ({"data"}, "minari")):
            if found <= names:
                return kind
        suffixes = {each.suffix for each in path.iterdir()}
        if ".npz" in suffixes:
            return "npz"
        if ".parquet" in suffixes:
            return "parquet"
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix]
    raise ParameterError(f"--format: expected one of {', '.join(FORMATS)}, since {path} does not tell which it is")


def columns_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that name columns of a table."""
    given = {name: getattr(arguments, name) for name in COLUMNS if getattr(arguments, name) is not None}
    return {name: value.split(",") if "," in value else value for name, value in given.items()}


def params_text(environment: EnvironmentParams, demonstrations: DemonstrationParams) -> str:
    """The pipeline's params.yaml with these demonstrations in place of expert and rollouts."""
    text = (source() / "params.yaml").read_text(encoding="utf-8")
    sections = re.split(r"^(?=\w+:)", text, flags=re.MULTILINE)
    kept = [each for each in sections if not each.startswith(("environment:", "expert:", "rollouts:"))]
    return kept[0] + _environment(environment) + _demonstrations(demonstrations) + "".join(kept[1:])


def _environment(environment: EnvironmentParams) -> str:
    return (
        f"environment:\n  id: {json.dumps(environment.id)}\n  kwargs: {{}}                  # passed to gymnasium.make\n"
        f"  wrappers: {json.dumps(environment.wrappers)}                # around it, the first innermost\n\n"
    )


def _demonstrations(demonstrations: DemonstrationParams) -> str:
    """A section in YAML; what the user has typed in JSON's quotes, which YAML understands."""
    values = demonstrations.model_dump(exclude_none=True)
    return "\n".join(["demonstrations:", *(f"  {key}: {json.dumps(value)}" for key, value in values.items())]) + "\n\n"
