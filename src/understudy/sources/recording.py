"""Episodes from Python, as a recording that this project reads.

read_environment(id, kwargs, wrappers)               -> EnvironmentSpec
write_recording(folder, environment, episodes, ...)  -- a new folder with steps.parquet and episodes.parquet
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.environments.make import read_spec
from understudy.episode import Episode
from understudy.errors import ParameterError
from understudy.params.environment import EnvironmentParams
from understudy.rollouts import parquet
from understudy.spec import EnvironmentSpec
from understudy.utils.atomic import replace_folder


def read_environment(
    environment_id: str, kwargs: Mapping[str, Any] | None = None, wrappers: Sequence[Mapping[str, Any]] = ()
) -> EnvironmentSpec:
    """What an environment offers, as recordings carry it.

    Args:
        environment_id: Gymnasium's.
        kwargs: passed to its maker.
        wrappers: around it, as in params.yaml.

    Raises:
        ParameterError: it cannot be made, or has other spaces than vectors and choices.
    """
    wanted = [dict(wrapper) for wrapper in wrappers]
    return read_spec(EnvironmentParams(id=environment_id, kwargs=dict(kwargs or {}), wrappers=wanted))


def write_recording(
    folder: str | Path, environment: EnvironmentSpec, episodes: Iterable[Episode], demonstrator: str = "unknown"
) -> None:
    """Write a recording, which `demonstrations: {format: recording, path: FOLDER}` in params.yaml then reads.

    Args:
        folder: where to; it must not exist yet, since nothing is overwritten.
        environment: from `read_environment`.
        episodes: from `make_episode`, taken one by one.
        demonstrator: who acted.

    Raises:
        ParameterError: the folder exists. DataError: an episode breaks a promise of recordings, such as two of one seed.
    """
    target = Path(folder)
    if target.exists():
        raise ParameterError(f"{target}: expected a folder that does not exist yet, since nothing is overwritten")
    with replace_folder(target) as unfinished:
        parquet.write_recording(unfinished, environment, demonstrator, episodes)
        parquet.read_recording(unfinished)
