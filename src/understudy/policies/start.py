"""A policy that starts from the weights of another one.

read_start(...)   -- the other policy, held against what is to start from it
Start             -- what it gives: scales, and weights
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from understudy.errors import DataError, ParameterError
from understudy.interface import Interface, Task
from understudy.models.family import TaskFamily
from understudy.models.registry import load_family
from understudy.params.policies import PolicyParams
from understudy.policies.build import learns_tasks, resolved
from understudy.policies.files import TrainedPolicy, load_trained

TRUNK = "trunk"


@dataclass(frozen=True)
class Start:
    """The policy that another one starts from.

    Attributes:
        folder: where it lies.
        policy: it.
        interface: of the policy that starts: a task that both have keeps the scales by which the weights were learned, and
            without demonstrations the returns of the episodes that they were learned from.
        numbers: of each of its tasks which of the other's it is; None for a new one.
    """

    folder: Path
    policy: TrainedPolicy
    interface: Interface
    numbers: tuple[int | None, ...]

    def weights(self, own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
        """All weights to start with, where the model has drawn `own`, and in words which of them are taken and which new.

        Raises:
            DataError: the data that one of the policies was made for have another number of options, or the like.
        """
        other = self.policy.model.state_dict()
        if learns_tasks(self.policy.family):
            family = cast(type[TaskFamily], load_family(self.policy.family))
            tasks = self.interface.tasks, self.policy.interface.tasks
            taken, counts = family.take_weights(own, other, self.numbers, *tasks)
            return taken, self._described(own, counts)
        for name in sorted(own.keys() | other.keys()):
            expected, got = (tuple(each[name].shape) if name in each else "none" for each in (own, other))
            if expected != got:
                raise DataError(f"{self.folder}: {name}: expected weights of shape {expected}, got {got}")
        return dict(other), self._described(own, {name: weights.numel() for name, weights in own.items()})

    def _described(self, own: Mapping[str, Tensor], counts: Mapping[str, int]) -> str:
        parts: dict[str, list[int]] = {}
        for name, weights in own.items():
            sums = parts.setdefault(TRUNK if name.startswith(f"{TRUNK}.") else ".".join(name.split(".")[:2]), [0, 0])
            sums[0], sums[1] = sums[0] + counts[name], sums[1] + weights.numel()
        taken, everything = sum(counts.values()), sum(weights.numel() for weights in own.values())
        kinds = {
            "taken": [name for name, (count, size) in parts.items() if count == size],
            "taken in part": [name for name, (count, size) in parts.items() if 0 < count < size],
            "new": [name for name, (count, _) in parts.items() if count == 0],
        }
        told = "; ".join(f"{kind}: {', '.join(sorted(names))}" for kind, names in kinds.items() if names)
        return f"{taken:,} of {everything:,} numbers from {self.folder}{self._tasks()}; {told}"

    def _tasks(self) -> str:
        """Which tasks stand for which, where they are others."""
        theirs = self.policy.interface.tasks
        pairs = zip(self.interface.tasks, self.numbers, strict=True)
        named = [
            f", {task.environment.described} as its {theirs[number].environment.described}"
            for task, number in pairs
            if number is not None and theirs[number].environment != task.environment
        ]
        return "".join(named)


def read_start(policy: PolicyParams, seed: int, interface: Interface, where: str) -> Start | None:
    """What a policy starts from; None where it starts from random weights.

    Args:
        policy: its block, which says of which folder.
        seed: of its training; the other one's is the same.
        interface: of its data.
        where: what messages begin with, such as "policies.decoder".

    Raises:
        DataError: there is no such training, or it is damaged.
        ParameterError: the other policy has another family, model or task.
    """
    if policy.starts_from is None:
        return None
    folder = Path(policy.starts_from) / f"seed_{seed}"
    if not folder.is_dir():
        raise DataError(f"{where}.starts_from: expected a policy trained from seed {seed} in {folder}, found none")
    other = load_trained(folder)
    if other.family != policy.family:
        raise ParameterError(f"{where}.family: expected {other.family!r}, as in {folder}, got {policy.family!r}")
    _check_model(resolved(policy.model, interface), other.config, folder, where)
    numbers = _numbers(policy, interface, other, folder, where)
    pairs = zip(interface.tasks, numbers, strict=True)
    tasks = [
        task if number is None else _as_learned(task, other.interface.tasks[number], policy.demonstrations == 0)
        for task, number in pairs
    ]
    return Start(folder, other, Interface(tuple(tasks)), numbers)


def _as_learned(own: Task, other: Task, without_demonstrations: bool) -> Task:
    """A task by the scales of the weights that it takes, and without demonstrations also by the returns they learned from."""
    if without_demonstrations:
        return replace(own, scales=other.scales, return_quantiles=other.return_quantiles)
    return replace(own, scales=other.scales)


def _check_model(own: Mapping[str, Any], other: Mapping[str, Any], folder: Path, where: str) -> None:
    for name in sorted(own.keys() | other.keys()):
        if name not in own or name not in other or own[name] != other[name]:
            expected, got = (repr(each[name]) if name in each else "none" for each in (other, own))
            raise ParameterError(f"{where}.model.{name}: expected {expected}, as in {folder}, got {got}")


def _numbers(
    policy: PolicyParams, interface: Interface, other: TrainedPolicy, folder: Path, where: str
) -> tuple[int | None, ...]:
    known = [task.environment for task in other.interface.tasks]
    if policy.starts_as is None:
        numbers = tuple(
            known.index(task.environment) if task.environment in known else None for task in interface.tasks
        )
    else:
        named = [
            number for number, each in enumerate(known) if policy.starts_as in (each.environment_id, each.described)
        ]
        if len(named) != 1 or len(interface.tasks) > 1:
            names = ", ".join(each.described for each in known)
            got = f"{policy.starts_as!r}{f', the id of {len(named)},' if len(named) > 1 else ''}"
            raise ParameterError(
                f"{where}.starts_as: expected one of {names}, or the id of a single one of them, for a single task,"
                f" got {got} for {len(interface.tasks)}"
            )
        numbers = (named[0],)
    for task, number in zip(interface.tasks, numbers, strict=True):
        if number is not None:
            _check_alike(task, other.interface.tasks[number], folder, where)
        elif not learns_tasks(policy.family) or policy.demonstrations == 0:
            raise ParameterError(
                f"{where}.starts_from: expected a policy of {task.environment.described}, of which another's weights say"
                f" nothing to {policy.family if policy.demonstrations != 0 else 'one without demonstrations'}, got one of"
                f" {', '.join(each.described for each in known)}"
            )
    return numbers


def _check_alike(own: Task, other: Task, folder: Path, where: str) -> None:
    """Hold a task that takes another's weights to its observations and actions."""

    def offered(task: Task) -> str:
        spec = task.environment
        bounds = "" if spec.discrete_actions else f" within {spec.action_bounds}"
        kind = "choices" if spec.discrete_actions else "entries"
        sees, does = ", ".join(task.visible_components), f"{task.action_dim} {kind}{bounds}"
        return f"{sees}, and {does} of {task.num_agents} agent{'s' * (task.num_agents > 1)}"

    if offered(own) != offered(other):
        raise ParameterError(
            f"{where}.starts_from: expected a task of the same observations and actions, {offered(own)},"
            f" got that of {folder} with {offered(other)}"
        )
