"""A batch of chunks of episodes, as the models take it."""

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B rows, right-padded to T steps; S state, A action. A row is a chunk of what one agent did.

    states (B, T, S) float32: normalised, of the visible components.
    actions (B, T) int64 or (B, T, A) float32: what was executed.
    labels, like actions: what the demonstrator would have done, the target of imitation.
    returns_to_go (B, T) float32: raw reward from step t to the end, normalised.
    seq_lens (B,) int64: steps of each row that are real.
    mask (B, T) bool: steps that count in the losses. Padding does not; nor does the first step of a chunk cut from the
        middle of an episode, whose predecessor the model cannot see.
    value_mask (B, T) bool: steps whose return is known. Those of a truncated episode are not: its return stops too early.
    options (B, T) int64; terminations (B, T) bool, true where the option before has ended and another begins, and at an
        episode's first step. None for sequences without options.
    num_agents: so many rows, neighbours in the order of the agents, are the same steps of one episode; a length of 0 says that
        an agent is not there.
    """

    states: Tensor
    actions: Tensor
    labels: Tensor
    returns_to_go: Tensor
    seq_lens: Tensor
    mask: Tensor
    value_mask: Tensor
    options: Tensor | None = None
    terminations: Tensor | None = None
    num_agents: int = 1

    def rows(self, which: slice) -> "Batch":
        """These rows, as views of the tensors; of several agents all rows of an episode."""
        return replace(self, **{name: tensor[which] for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """What is there of the tensors above."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
