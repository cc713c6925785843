"""What a family of policies is: the contract that training, playing and evaluation hold it to.

LossTerm, Losses -- what a batch costs
Player           -- acts, step by step
Family           -- a player that learns; a file of this folder that ends with `FAMILY = ItsClass`
TaskFamily       -- one that learns several tasks

A family is a torch module. Its constructor's arguments are the keys of `model:` in a policy's block of params.yaml, but for those
that data and environment determine, which it may ask for by the names of `Interface.model_arguments`; where it takes
`**options`, its attribute `Options` names the dataclass whose fields these are. A test holds every family to this.

B rows, T steps, S state, A action; states, actions and returns are normalised.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from understudy.nn.row_memory import RowMemory
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step

if TYPE_CHECKING:
    from understudy.interface import Task


@dataclass(frozen=True)
class LossTerm:
    """One term of a loss.

    Attributes:
        mean: () over the steps that it counts.
        mask: (B, T) bool, these steps.
        weight: of the mean in the objective.
    """

    mean: Tensor
    mask: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Losses:
    """What a batch costs.

    Attributes:
        terms: by name; the names are those of the learning curve's columns.
        predictions: (B, T, A) logits or means of the next action, from which accuracy is told; None where none are predicted.
        row_errors: (B,) how wrong the model was about each row, for prioritised replay; None where it does not say.
    """

    terms: dict[str, LossTerm]
    predictions: Tensor | None = None
    row_errors: Tensor | None = None

    def objective(self) -> Tensor:
        """What training minimises, (): the weighted sum of the terms' means."""
        return torch.stack([term.weight * term.mean for term in self.terms.values()]).sum()


class Player(Protocol):
    """A torch module that acts.

    Attributes:
        variants: further ways to play that an evaluation records beside the plain one: the settings of each by its name.
    """

    variants: ClassVar[Mapping[str, Mapping[str, Any]]]

    def begin(self, num_rows: int) -> RowMemory:
        """An empty memory for `num_rows` rows, environments x agents.

        Further arguments, by keyword and with defaults, are the keys of `play:` in a policy's block of params.yaml.
        """

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Decide for all rows, and remember what the next step needs.

        The caller has reset the memory of rows whose episode begins. Actions are the likeliest ones, or drawn by `generator`.
        """

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """Multiply matrices in this format when playing; families that gain nothing by it may ignore it."""

    # Of torch.nn.Module.
    def eval(self) -> Self: ...
    def to(self, device: torch.device) -> Self: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...
    def buffers(self) -> Iterator[Tensor]: ...
    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> Any: ...


class Family(Player, Protocol):
    """A player that learns.

    Attributes:
        reads: the columns of a batch that `losses` reads, among those of the store (sequences/columns.py).
        max_seq_len: longest row that `losses` takes, in environment steps; None for any.
        burn_in: steps that a row has to show before those that count, where it does not begin with its episode; at least 1.
        look_ahead: steps that a row has to show after those that count, where it does not end with its episode; mostly 0.
    """

    reads: ClassVar[frozenset[str]]
    max_seq_len: int | None
    burn_in: int
    look_ahead: int

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Called once before training, for tables that are measured on the data, such as bins; most measure nothing.

        Args:
            steps: (K, ...) of training steps, evenly spaced where there are very many: observation, action and return_to_go as
                in a batch, reward raw.
        """

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """What a batch costs. What it draws from `generator` is one number a step of the batch, or nothing."""

    def after_update(self) -> None:
        """Called after each optimizer step, for what follows the weights (target networks); most do nothing."""

    def train(self, mode: bool = True) -> Self: ...


class TaskFamily(Family, Protocol):
    """A family that learns several tasks: its constructor asks for `tasks`, and some of its weights belong to one of them."""

    @staticmethod
    def take_weights(
        own: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        numbers: Sequence[int | None],
        own_tasks: Sequence["Task"],
        other_tasks: Sequence["Task"],
    ) -> tuple[dict[str, Tensor], dict[str, int]]:
        """The weights of a model with those of another in their place, as far as these mean the same.

        Args:
            own: of the model, by name.
            other: of the other one.
            numbers: of each of the model's tasks which of the other's it is; None for a new one.
            own_tasks: of the model.
            other_tasks: of the other one.

        Returns:
            All of the model's weights, and how many numbers of each tensor are the other's.
        """
