"""What a policy expects of the rest of a run, step by step as it acts: the value head, which acting itself does not need.

ValueWatch(policy) -- within a `with`; `values()` after each `act`

B rows.
"""

from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn

from understudy.policies.files import TrainedPolicy

# By family, the head that is given, once a step, the features of which the value head tells. The families themselves are not
# imported, so that a stage runs the code of its own policy's alone.
HEADS = {"action_transformer": "action_head", "hierarchical": "option_head", "mlp": "action_head"}


class ValueWatch:
    """Sees the features that a model's heads are given while it acts, so that each step is computed once.

    Args:
        policy: of any family; of one that is not in HEADS there are no values.
    """

    def __init__(self, policy: TrainedPolicy) -> None:
        self.model: Any = policy.model
        self.task, self.head = policy.task, HEADS.get(policy.family)
        self.features: Tensor | None = None

    def __enter__(self) -> Self:
        if self.head is not None:
            self.handle = self.model.get_submodule(self.head).register_forward_pre_hook(self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self.head is not None:
            self.handle.remove()

    def values(self) -> Tensor | None:
        """The raw return to come (B,) that was expected at the last step; None where the family expects none."""
        if self.features is None:
            return None
        expected: Tensor = self.model.value_head(self.features)
        return self.task.scales.return_mean + self.task.scales.return_std * expected

    def _note(self, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        self.features = given[0]
