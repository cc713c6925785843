"""Minari's datasets, by their id or their folder.

read_minari(path, spec) -> episodes
write_minari(name, episodes, spec) -- a dataset of this id among the local ones
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from understudy.environments.make import make_again
from understudy.episode import UNKNOWN_SEED, Episode
from understudy.errors import DataError, ParameterError
from understudy.sources.episodes import choices_of, encoded, make_episode
from understudy.sources.optional import import_optional
from understudy.spec import EnvironmentSpec


def read_minari(path: Path, spec: EnvironmentSpec) -> Iterator[Episode]:
    """Episodes of a dataset: observations of parts flattened and several choices made one, as `make_environment` does.

    Args:
        path: the dataset's folder, or its id among the local datasets.
        spec: of the environment that they are to be of.

    Raises:
        DataError: there is none, its observations are images or texts, or it holds other data than the environment has.
        ParameterError: Minari is not installed.
    """
    dataset = _open(path)
    for episode in dataset.iterate_episodes():
        where = f"{path}: episode {episode.id}"
        yield make_episode(
            spec,
            encoded(dataset.observation_space, episode.observations, where),
            choices_of(dataset.action_space, episode.actions, where),
            episode.rewards,
            terminated=bool(episode.terminations[-1]),
            truncated=bool(episode.truncations[-1]) or not episode.terminations[-1],
            seed=_seed(dataset, episode.id),
            where=where,
        )


def _open(path: Path) -> Any:
    minari = import_optional("minari", "minari", "datasets of Minari")
    try:
        if path.is_dir():
            return minari.MinariDataset(path / "data" if (path / "data").is_dir() else path)
        return minari.load_dataset(path.as_posix())
    except Exception as error:  # Minari raises what its storages do
        problem = " ".join(str(error).split())
        raise DataError(f"{path}: expected a dataset of Minari, by its id or its folder, got: {problem}") from None


def _seed(dataset: Any, number: int) -> int | None:
    """With which an episode was reset, where the dataset says."""
    [about] = dataset.storage.get_episode_metadata([number])
    seed = about.get("seed")
    return int(seed) if isinstance(seed, int | np.integer) and seed >= 0 else None


def write_minari(name: str, episodes: Iterable[Episode], spec: EnvironmentSpec) -> int:
    """Write a dataset among the local ones, where MINARI_DATASETS_PATH or Minari's default says; returns the episodes.

    Raises:
        ParameterError: the name is none of Minari's, a dataset of this name is there, or Minari is not installed.
    """
    minari = import_optional("minari", "minari", "datasets of Minari")
    from minari.data_collector import EpisodeBuffer

    buffers = [
        EpisodeBuffer(
            id=number,
            seed=None if episode.seed == UNKNOWN_SEED else episode.seed,
            observations=np.concatenate([episode.observations, episode.final_observation[None]]),
            actions=episode.actions,
            rewards=episode.rewards.astype(np.float64).tolist(),
            terminations=[False] * (episode.length - 1) + [episode.terminated],
            truncations=[False] * (episode.length - 1) + [episode.truncated],
            infos={},
        )
        for number, episode in enumerate(episodes)
    ]
    environment = make_again(spec)
    try:
        minari.create_dataset_from_buffers(
            name,
            buffers,
            env=None if spec.wrappers else gymnasium.spec(spec.environment_id),
            observation_space=environment.observation_space,
            action_space=environment.action_space,
            algorithm_name="understudy",
        )
    except (ValueError, OSError) as error:
        raise ParameterError(f"--to: expected the id of a new dataset of Minari, got {name!r}: {error}") from None
    finally:
        environment.close()
    return len(buffers)
