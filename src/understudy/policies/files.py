"""Trained policies on disk: model.safetensors, the weights, and policy.json, everything else. Nothing is pickled.

TrainedPolicy                 -- a model with what rebuilds it and what it is made for
save_policy, load_trained     -- writing and reading a folder
policy_hashes(folder)         -- the SHA-256 of each file
snapshot_folder(folder, share) -- where an earlier state of an expert lies
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from understudy.errors import DataError
from understudy.interface import Interface, Task
from understudy.models.family import Player
from understudy.policies.build import build_model, resolved
from understudy.spec import EnvironmentSpec
from understudy.utils.jsonfile import content_hash, read_versioned_json, sha256, write_json

FORMAT_VERSION = 6  # 5: with sizes of differences of the first order alone


@dataclass
class TrainedPolicy:
    """A model, what rebuilds it, and what it is made for.

    Attributes:
        model: a module of the family, in evaluation mode.
        family: its name.
        config: arguments of its constructor, but for those that the interface determines.
        interface: what it was told of its task, or of its tasks.
        provenance: SHA-256 hashes of what it was trained on.
        task_number: in which of several tasks it is to act; None where there is one, or where it is not to act yet.
    """

    model: Player
    family: str
    config: dict[str, Any]
    interface: Interface
    provenance: dict[str, str] = field(default_factory=dict)
    task_number: int | None = None

    @property
    def task(self) -> Task:
        """The task that it acts in.

        Raises:
            DataError: there are several, and none has been chosen.
        """
        tasks = self.interface.tasks
        if self.task_number is None and len(tasks) > 1:
            names = ", ".join(task.environment.environment_id for task in tasks)
            raise DataError(f"policy: expected which of its {len(tasks)} tasks it is to act in, {names}, got none")
        return tasks[self.task_number or 0]

    def acting_in(self, environment: EnvironmentSpec | str) -> "TrainedPolicy":
        """The same policy, that of its tasks chosen which this environment is, or which has this id.

        Raises:
            DataError: none of its tasks is, or several have the id.
        """
        if isinstance(environment, str):
            known = [task.environment for task in self.interface.tasks]
            named = [each for each in known if each.environment_id == environment]
            if len(named) != 1:
                names = ", ".join(each.described for each in known)
                raise DataError(
                    f"policy: environment: expected the id of one of {names}, got {environment!r}, that of {len(named)}"
                )
            [environment] = named
        try:
            return replace(self, task_number=self.interface.number_of(environment))
        except ValueError as error:
            raise DataError(f"policy: {error}") from None


def policy_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each of a policy's files."""
    return {name: sha256(folder / name) for name in ("policy.json", "model.safetensors")}


def snapshot_folder(folder: Path, share: float) -> Path:
    """Where the expert in `folder` lies as it was after this share of its training."""
    return folder / "snapshots" / f"{share:g}"


def save_policy(policy: TrainedPolicy, folder: Path) -> None:
    """Write model.safetensors and policy.json to an existing folder."""
    tensors = {name: tensor.contiguous() for name, tensor in policy.model.state_dict().items()}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(tensors))
    content = {
        "format_version": FORMAT_VERSION,
        "family": policy.family,
        "config": resolved(policy.config, policy.interface),
        "interface": policy.interface.to_json(),
        "provenance": policy.provenance,
    }
    content["sha256"] = content_hash(content)
    write_json(folder / "policy.json", content)


def load_trained(folder: Path) -> TrainedPolicy:
    """Load what `save_policy` wrote.

    Raises:
        DataError: a file is missing, malformed, of another version, or the weights do not fit the model described.
    """
    description = folder / "policy.json"
    content = read_versioned_json(description, FORMAT_VERSION, "train the policy again with `dvc repro`")
    try:
        if content.pop("sha256", None) != content_hash(content):
            raise DataError(
                f"{description}: expected what was saved with the weights, got another content; train it again"
            )
        interface = Interface.from_json(content["interface"])
        family, config, provenance = content["family"], dict(content["config"]), dict(content["provenance"])
        model = build_model(family, config, interface, "config")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{description}: expected a policy's description, got a malformed one: {error!r}") from None
    _load_weights(model, folder / "model.safetensors")
    return TrainedPolicy(model.eval(), family, config, interface, provenance)


def _load_weights(model: Player, path: Path) -> None:
    try:
        tensors = safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise DataError(f"{path}: expected the policy's weights, found no such file") from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: expected a safetensors file, got one that cannot be read: {error}") from None
    expected = model.state_dict()
    if tensors.keys() != expected.keys():
        unlike = sorted(tensors.keys() ^ expected.keys())[0]
        raise DataError(f"{path}: expected the tensors that policy.json describes, got a difference at {unlike!r}")
    for name, tensor in expected.items():
        if tensors[name].shape != tensor.shape or tensors[name].dtype != tensor.dtype:
            raise DataError(
                f"{path}: {name}: expected {tensor.dtype} of shape {tuple(tensor.shape)},"
                f" got {tensors[name].dtype} of {tuple(tensors[name].shape)}"
            )
        if not torch.isfinite(tensors[name]).all():
            raise DataError(f"{path}: {name}: expected finite weights, got NaN or infinity")
    model.load_state_dict(tensors)
