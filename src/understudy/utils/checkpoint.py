"""What a long stage has done so far, for the next time it is started.

checkpoint_folder(stage, ...)            -- .checkpoints/STAGE/HASH, where the hash covers params, inputs, code and libraries
save_state(path, tensors, content)       -- tensors and JSON in one file, written whole or not at all
load_state(path) -> (tensors, content)   -- None where there is nothing to resume

With another hash a checkpoint is never found, so one of other parameters, code or inputs cannot be resumed.
"""

import hashlib
import importlib.metadata
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from understudy.utils.atomic import replace_file
from understudy.utils.jsonfile import sha256

ROOT = Path(".checkpoints")
LIBRARIES = ("gymnasium", "numpy", "pyarrow", "stable-baselines3", "torch")
KEY = "state"


def checkpoint_folder(stage: str, params: Any, inputs: Any) -> Path:
    """The folder for checkpoints of this very work; those of the stage's earlier work are deleted.

    Args:
        stage: name of the stage, with its policy.
        params: what it uses of params.yaml, JSON-ready.
        inputs: the SHA-256 hashes of what it reads, JSON-ready.
    """
    content = {
        "params": params,
        "inputs": inputs,
        "code": sorted(f"{file.name} {sha256(file)}" for file in _code() if file.exists()),
        "libraries": [importlib.metadata.version(name) for name in LIBRARIES],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
    folder = ROOT / stage / digest
    if (ROOT / stage).exists():
        for other in (ROOT / stage).iterdir():
            if other != folder:
                shutil.rmtree(other)
    return folder


def _code() -> set[Path]:
    """Files of what runs: the package's modules so far, the program, its launcher, and all that users have put into custom/.

    Of the last all, since they may be imported later, and in other processes.
    """
    loaded = [module for name, module in sys.modules.items() if name == "__main__" or name.startswith("understudy.")]
    files = {Path(name) for module in loaded if (name := getattr(module, "__file__", None))}
    program = getattr(sys.modules["__main__"], "__file__", None)
    if program is None:
        return files
    folder = Path(program).resolve().parent
    return files | {folder / "run.py", *(folder.parent / "custom").rglob("*.py")}


def remove_checkpoints(stage: str) -> None:
    """Delete the checkpoints of a stage that has finished."""
    shutil.rmtree(ROOT / stage, ignore_errors=True)


def save_state(path: Path, tensors: dict[str, Any], content: dict[str, Any]) -> None:
    """Write torch tensors by name and a JSON-ready content; floats come back exactly."""
    from safetensors.torch import save

    with replace_file(path) as unfinished:
        unfinished.write_bytes(save(tensors, metadata={KEY: json.dumps(content)}))


def load_state(path: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What `save_state` wrote; None where it has not."""
    from safetensors import safe_open

    if not path.exists():
        return None
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()[KEY])  # noqa: SIM118
