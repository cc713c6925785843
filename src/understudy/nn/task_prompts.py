"""Demonstrations of several tasks, which a model is shown before a row.

Prompts      -- demonstrations of each row
TaskPrompts  -- those of a batch, and those that a model keeps, to be shown them at play

B rows, T steps, K tasks, P demonstrations a row, L steps of each, S states of the widest task, E entries of an action, M tokens a
step.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from understudy.errors import ParameterError
from understudy.nn.cache import KVCache
from understudy.nn.prompts import LayerPrompt, encode_prompts
from understudy.nn.row_memory import RowMemory
from understudy.nn.task_options import MOST_PROMPTS
from understudy.nn.task_spaces import TaskSpaces
from understudy.nn.task_tokens import TaskTokens
from understudy.nn.trunk import Trunk
from understudy.sequences.batch import Batch

PROMPT_COLUMNS = frozenset({"prompt_observation", "prompt_action", "prompt_length", "first_step"})


@dataclass(frozen=True)
class Prompts:
    """The first steps of other episodes of each row's task.

    Attributes:
        states: (B, P, L, S) float32.
        entries: (B, P, L, E) float32.
        lengths: (B, P) int64, steps of each that are real; 0 where there is none.
    """

    states: Tensor
    entries: Tensor
    lengths: Tensor

    def encode(self, trunk: Trunk, tokens: TaskTokens, task_ids: Tensor, begins: Tensor) -> list[LayerPrompt]:
        """Keys and values, a layer after the other, as of steps before the rows' episodes.

        Args:
            trunk: of the model.
            tokens: of its steps.
            task_ids: (B,) int64.
            begins: (B,) int64, the step at which each row's episode begins, by the count in which the rows' steps are told.
        """
        of_steps = [tokens.observed(self.states, task_ids), tokens.acted(self.entries, task_ids)]
        stream = torch.cat(of_steps, dim=-2)  # (B, P, L, M, D)
        length, per_step = stream.shape[2:4]
        exists = torch.arange(length, device=begins.device) < self.lengths[..., None]  # (B, P, L)
        of_step = tokens.exist(task_ids)  # (B, M)
        of_step = torch.ones(1, per_step, dtype=torch.bool, device=begins.device) if of_step is None else of_step
        exists = exists[..., None] & of_step[:, None, None]  # (B, P, L, M)
        steps = begins[:, None] + torch.arange(-length, 0, device=begins.device).repeat_interleave(per_step)
        return encode_prompts(trunk, stream.flatten(2, 3), steps, exists.flatten(2))


class TaskPrompts(nn.Module):
    """The demonstrations that rows are shown.

    Args:
        spaces: of the tasks.
        num_steps: L.

    Attributes:
        prompt_states: (K, MOST_PROMPTS, L, S) float32, kept with the weights.
        prompt_entries: (K, MOST_PROMPTS, L, E) float32.
        prompt_lengths: (K, MOST_PROMPTS) int64.
    """

    prompt_states: Tensor
    prompt_entries: Tensor
    prompt_lengths: Tensor

    def __init__(self, spaces: TaskSpaces, num_steps: int) -> None:
        super().__init__()
        self.spaces, self.num_steps = spaces, num_steps
        shape = (spaces.count, MOST_PROMPTS, num_steps)
        self.register_buffer("prompt_states", torch.zeros(*shape, spaces.state_width))
        self.register_buffer("prompt_entries", torch.zeros(*shape, spaces.entry_width))
        self.register_buffer("prompt_lengths", torch.zeros(shape[:2], dtype=torch.int64))

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Keep the first steps of the first training episodes of each task."""
        states, actions = steps["demonstration_observation"], self.spaces.as_entries(steps["demonstration_action"])
        for own, values in ((self.prompt_states, states), (self.prompt_entries, actions)):
            own.copy_(values[:, : self.num_steps].unflatten(0, own.shape[:2]))
        lengths = steps["demonstration_length"].clamp(max=self.num_steps)
        self.prompt_lengths.copy_(lengths.view_as(self.prompt_lengths))

    def show(self, memory: RowMemory, is_first: Tensor, trunk: Trunk, tokens: TaskTokens) -> None:
        """Put demonstrations before the episodes of the rows that begin one.

        Args:
            memory: whose setting `prompt` says how many, P.
            is_first: (B,) bool, which rows begin an episode.
            trunk: of the model.
            tokens: of its steps.

        Raises:
            ParameterError: fewer were kept of a row's task.
        """
        count, rows = memory.settings["prompt"], is_first.nonzero()[:, 0]
        if not count or not len(rows):
            return
        assert isinstance(memory.cache, KVCache)
        task_ids, kept = memory.task_ids[rows], (self.prompt_states, self.prompt_entries, self.prompt_lengths)
        prompts = Prompts(*(each[task_ids, :count] for each in kept))
        least = int((prompts.lengths > 0).sum(1).min())
        if least < count:
            raise ParameterError(f"prompt: expected at most the {least} demonstrations that were kept, got {count}")
        begins = torch.full_like(rows, memory.cache.clock)
        memory.cache.prompt(rows, prompts.encode(trunk, tokens, task_ids, begins))

    def draw(
        self, shape: torch.Size, prompt_chance: float, action_dropout: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Which rows (B,) bool of a batch are shown a demonstration, and which past actions (B, T) bool are withheld.

        A step has one number, as families promise: a row's first decides the one, the others the other.
        """
        numbers = torch.rand(shape, generator=generator, device="cpu")
        dropped = numbers < action_dropout
        dropped[:, 0] = False
        return numbers[:, 0] < prompt_chance, dropped

    def of_batch(self, batch: Batch, shown: Tensor, trunk: Trunk, tokens: TaskTokens) -> list[LayerPrompt]:
        """Keys and values of the demonstrations that come with a batch, of those rows that are `shown` (B,) bool theirs.

        Raises:
            ParameterError: those of the batch have too few steps.
        """
        states, entries = batch["prompt_observation"], self.spaces.as_entries(batch["prompt_action"])
        if states.shape[1] < self.num_steps:
            raise ParameterError(
                f"training.chunk_length: expected at least prompt_steps = {self.num_steps}, got {states.shape[1]}"
            )
        lengths = batch["prompt_length"].clamp(max=self.num_steps).where(shown.to(states.device), 0)
        prompts = Prompts(states[:, None, : self.num_steps], entries[:, None, : self.num_steps], lengths[:, None])
        return prompts.encode(trunk, tokens, batch["task"], -batch["first_step"])
