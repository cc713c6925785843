"""A store of several tasks: the files of each one's own store, beside a store.json that says how often each task is drawn.

join_stores(folder, stores, weights) -- writes it; mixture.py opens it
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from understudy.errors import DataError, ParameterError
from understudy.interface import Interface
from understudy.sequences.store import FORMAT_VERSION, SPLITS, Sequences, open_sequences
from understudy.utils.jsonfile import sha256, write_json
from understudy.utils.provenance import check_files


def join_stores(folder: Path, stores: Mapping[str, Path], weights: Mapping[str, float]) -> dict[str, Sequences]:
    """Write the sequences of several tasks to a folder: TASK.train.arrow and TASK.validation.arrow of each, and store.json.

    Args:
        folder: an existing one.
        stores: the folder of each task's store, by the task's name.
        weights: how often each is drawn in training.

    Returns:
        The training sequences of each task, in its own store.

    Raises:
        DataError: a store is damaged, or has several tasks or agents.
        ParameterError: two of the tasks are the same environment.
    """
    opened = {}
    for name, store in stores.items():
        check_files(store / "store.json")
        opened[name] = open_sequences(store, "train")
        if opened[name].task.num_agents > 1:
            raise DataError(f"{store}: expected demonstrations of one agent, got {opened[name].task.num_agents}")
    interface = Interface(tuple(sequences.task for sequences in opened.values()))
    _check_different(list(opened), interface)
    files = {f"{name}.{split}.arrow": stores[name] / f"{split}.arrow" for name in opened for split in SPLITS}
    for name, file in files.items():
        shutil.copyfile(file, folder / name)
    content = {
        "format_version": FORMAT_VERSION,
        "interface": interface.to_json(),
        "files": {name: sha256(folder / name) for name in files},
        "tasks": [
            {"name": name, "weight": weights[name], "store": sequences.sha256} for name, sequences in opened.items()
        ],
    }
    write_json(folder / "store.json", content)
    return opened


def _check_different(names: list[str], interface: Interface) -> None:
    """A policy finds its task by the environment, which must not be that of two."""
    for number, task in enumerate(interface.tasks):
        first = interface.number_of(task.environment)
        if first != number:
            raise ParameterError(
                f"tasks.{names[number]}: expected another environment than that of {names[first]},"
                f" got {task.environment.described} again"
            )
