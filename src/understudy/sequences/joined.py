"""A store of several tasks: the files of each one's own store, beside a store.json that says how often each task is drawn.

join_stores(folder, stores, weights) -- writes it
open_store(folder, split)            -- a split of a store of one task or of several
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from understudy.errors import DataError, ParameterError
from understudy.interface import Interface
from understudy.sequences.mixture import SequenceMixture
from understudy.sequences.split_file import map_split
from understudy.sequences.store import FORMAT_VERSION, SPLITS, Sequences, open_sequences
from understudy.utils.jsonfile import read_versioned_json, sha256, write_json
from understudy.utils.provenance import check_files


def join_stores(folder: Path, stores: Mapping[str, Path], weights: Mapping[str, float]) -> None:
    """Write the sequences of several tasks to a folder: TASK.train.arrow and TASK.validation.arrow of each, and store.json.

    Args:
        folder: an existing one.
        stores: the folder of each task's store, by the task's name.
        weights: how often each is drawn in training.

    Raises:
        DataError: a store is damaged, or has several tasks or agents.
        ParameterError: two of the tasks are the same environment.
    """
    opened = {}
    for name, store in stores.items():
        check_files(store / "store.json")
        opened[name] = open_sequences(store, "train")
    parts = tuple(opened.values())
    mixture = SequenceMixture(tuple(opened), parts, tuple(weights[name] for name in opened), "")
    _check_different(mixture)
    files = {f"{name}.{split}.arrow": stores[name] / f"{split}.arrow" for name in opened for split in SPLITS}
    for name, file in files.items():
        shutil.copyfile(file, folder / name)
    content = {
        "format_version": FORMAT_VERSION,
        "interface": mixture.interface.to_json(),
        "files": {name: sha256(folder / name) for name in files},
        "tasks": [
            {"name": name, "weight": weights[name], "store": sequences.sha256} for name, sequences in opened.items()
        ],
    }
    write_json(folder / "store.json", content)


def open_store(folder: Path, split: str) -> Sequences | SequenceMixture:
    """Map one split of a store, of one task or of several.

    Raises:
        DataError: a file is missing, truncated, of another format, or holds another layout than store.json says.
    """
    description = folder / "store.json"
    content = read_versioned_json(description, FORMAT_VERSION)
    if "tasks" not in content:
        return open_sequences(folder, split)
    try:
        tasks = Interface.from_json(content["interface"]).tasks
        names = tuple(str(each["name"]) for each in content["tasks"])
        weights = tuple(float(each["weight"]) for each in content["tasks"])
        described = list(zip(names, tasks, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{description}: expected a description of sequences, got a malformed one: {error!r}") from None
    digest = sha256(description)
    parts = tuple(
        Sequences(Interface((task,)), map_split(folder / f"{name}.{split}.arrow", task), digest)
        for name, task in described
    )
    return SequenceMixture(names, parts, weights, digest)


def _check_different(mixture: SequenceMixture) -> None:
    """A policy finds its task by the environment, which must not be that of two."""
    for number, task in enumerate(mixture.interface.tasks):
        first = mixture.interface.number_of(task.environment)
        if first != number:
            raise ParameterError(
                f"tasks.{mixture.names[number]}: expected another environment than that of {mixture.names[first]},"
                f" got {task.environment.described} again"
            )
