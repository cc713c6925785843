"""The generalist: one decoder for several tasks with different states and actions, as in Gato (Reed et al., 2022).

B rows, T steps, K tasks, S states and E action entries of the widest task, P choices or entries of it, D width; M = O + N tokens
a step, O of what is observed and N of the action.

Tokens: what is observed at step 0, a_0, what is observed at step 1, a_1, ... Observed is the state as one token (`tokens:
coarse`), or each component as one, in a vocabulary that all tasks share, and then a separator (`tokens: fine`). The task enters
by a learned vector, in the state's token or as the separator; Gato shows it by a prompt. The action at step t is predicted from
the last observed token, and the further entries of a vector, of fine tokens, each from the one before it. As in Gato nothing but
actions is predicted. Of a picture among the components coarse tokens have one more, before the state's.

Rows of different tasks stand side by side, in training and at play, where a memory's `task_ids` say which task each row acts in.
What other tasks have and a row's does not is masked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from understudy.interface import Task
from understudy.losses.masking import masked_mean
from understudy.models.family import Losses, LossTerm
from understudy.nn.cache import RowMemory
from understudy.nn.embeddings import draw_action_dropout
from understudy.nn.maps import AttentionMaps, attention_maps
from understudy.nn.rows import check_rows
from understudy.nn.task_heads import CoarseHead, FineHead, TaskHead
from understudy.nn.task_images import Images, TaskImages
from understudy.nn.task_spaces import TaskSpaces
from understudy.nn.task_tokens import CoarseTokens, FineTokens, TaskTokens
from understudy.nn.task_values import ActionValues
from understudy.nn.transformer_options import TrunkOptions
from understudy.sequences.batch import Batch
from understudy.step import Decision, Step


class Generalist(nn.Module):
    """Predicts the action at every step of a row, of whichever task the row is.

    Args:
        tasks: K of them; the order says which number each has.
        embed_dim: D, of a token.
        num_layers: of the trunk.
        num_heads: of its attention.
        hidden_dim: width of its feed-forward layers.
        max_seq_len: the longest row that `forward` takes, in steps.
        tokens: "coarse", one a state and one an action, or "fine", one a number.
        num_bins: of a number, of fine tokens; coarse ones have no use for it.
        action_dropout: chance that a past action is withheld in a training batch.
        continuous_loss: of action vectors, of coarse tokens: "nll", a Gaussian's, or "mse". Fine ones predict bins.
        image_shape: rows, columns and channels of the picture that the last components of some tasks are, of coarse tokens;
            None where they are numbers like any others.
        patch_size: side of its square patches, in pixels; None without pictures.
        patch_dim: how many numbers a patch becomes before all of them become a token; None without pictures.
        options: fields of TrunkOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, or a size or chance is
            out of its range, or pictures are not of that shape.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"observation", "action", "label", "task"})
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    burn_in = 1
    Options = TrunkOptions

    def __init__(
        self,
        tasks: Sequence[Task],
        embed_dim: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        max_seq_len: int,
        tokens: Literal["coarse", "fine"] = "coarse",
        num_bins: int = 256,
        action_dropout: float = 0.0,
        continuous_loss: Literal["nll", "mse"] = "nll",
        image_shape: list[int] | None = None,
        patch_size: int | None = None,
        patch_dim: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if not 0 <= action_dropout <= 1:
            raise ValueError(f"action_dropout: expected a chance from 0 to 1, got {action_dropout}")
        self.max_seq_len, self.action_dropout = max_seq_len, action_dropout
        self.spaces = TaskSpaces(tasks)
        images = Images.of(image_shape, patch_size, patch_dim)
        if images is not None and tokens == "fine":
            raise ValueError(f"image_shape: expected null with fine tokens, each of a single number, got {image_shape}")
        # The trunk first: it refuses sizes that the embeddings would only fail at.
        self.trunk = TrunkOptions(**options).build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.tokens: TaskTokens
        self.head: TaskHead
        if tokens == "fine":
            values = ActionValues(self.spaces, num_bins)
            self.tokens, self.head = FineTokens(values, embed_dim, num_bins), FineHead(values, embed_dim)
        else:
            pictures = None if images is None else TaskImages(tasks, images, embed_dim)
            self.tokens = CoarseTokens(self.spaces, embed_dim, pictures)
            self.head = CoarseHead(self.spaces, embed_dim, continuous_loss)
        self.tokens_per_step = self.tokens.num_observed + self.tokens.num_entries

    def forward(self, states: Tensor, actions: Tensor, task_ids: Tensor, seq_lens: Tensor) -> Tensor:
        """Predict the action at every step; what is predicted after a row's end means nothing.

        Args:
            states: (B, T, S) float32, of a task with fewer padded with anything.
            actions: actions[:, t] taken at step t: (B, T, E) float32, in which a choice is a whole number; of a model of one task
                (B, T) int64 where that has choices.
            task_ids: (B,) int64, the number of each row's task.
            seq_lens: (B,) int64, steps of each row that are real.

        Returns:
            Logits of choices, -inf beyond those that the task has, or action vectors, (B, T, P).

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, or a task or choice does not exist.
        """
        check_rows(states, actions, seq_lens, self.max_seq_len)
        self.spaces.check(states, actions, task_ids)
        preds, _ = self._predict(states, self.spaces.as_entries(actions), task_ids, None)
        return self.head.as_predictions(preds, task_ids)

    def attention_maps(self, states: Tensor, actions: Tensor, number: int) -> AttentionMaps:
        """What attends to what in `forward`, of rows of the task of this number."""
        task_ids = torch.full((len(states),), number, device=states.device)
        self.spaces.check(states, actions, task_ids)
        tokens, steps, real = self._embed(states, self.spaces.as_entries(actions), task_ids, None)
        return attention_maps(self.trunk, tokens, steps, self.tokens.names(number), real)

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured: bins mean the same in every task."""

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The imitation's loss; `generator` draws which past actions to drop."""
        dropped = draw_action_dropout(batch.mask.shape, self.action_dropout if self.training else 0.0, generator)
        task_ids, executed, labels = batch["task"], batch["action"], self.spaces.as_entries(batch["label"])
        preds, log_std = self._predict(batch["observation"], self.spaces.as_entries(executed), task_ids, dropped)
        by_step = self.head.step_losses(preds, log_std, labels, task_ids)
        term = LossTerm(masked_mean(by_step, batch.mask), batch.mask)
        return Losses({"action": term}, self.head.as_predictions(preds, task_ids))

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.trunk.set_compute_dtype(dtype)

    def begin(self, num_rows: int) -> RowMemory:
        """An empty cache for rows of the first task; who plays others sets `task_ids`."""
        return RowMemory(num_rows, cache=self.trunk.new_cache(num_rows, self.tokens_per_step))

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states; the last actions and these states go through the trunk as one pass."""
        task_ids, count = memory.task_ids, self.tokens.num_observed
        acted = self.tokens.acted(self.spaces.as_entries(step.previous_action), task_ids)
        tokens = torch.cat([acted, self.tokens.observed(step.observation, task_ids)], dim=1)  # (B, M, D)
        exists = self.tokens.exist(task_ids)
        offsets = (1,) * self.tokens.num_entries + (0,) * count
        features = self.trunk.decode_step(
            tokens, offsets, memory.kv_cache, None if exists is None else exists.roll(-count, dims=1), in_order=True
        )
        draft = self.trunk.new_beams(memory.kv_cache, self.tokens.num_entries)

        def following(values: Tensor, number: int) -> Tensor:
            # What is decided is not yet executed: it joins the cache with the next step, as what it then was.
            assert isinstance(self.tokens, FineTokens)
            token = self.tokens.embed_values(values[:, None], task_ids, number)
            seen = torch.ones(1, draft.length + 1, dtype=torch.bool, device=token.device)
            return self.trunk.decode_beams(token, 0, seen, draft)[:, 0]

        entries, predictions = self.head.choose(features, task_ids, generator, following)
        memory.kv_cache.end_step()
        return Decision(self.spaces.as_actions(entries), predictions=predictions)

    def _predict(
        self, states: Tensor, entries: Tensor, task_ids: Tensor, dropped: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """What the head says of each step of rows: states (B, T, S), entries (B, T, E)."""
        length = states.shape[1]
        tokens, steps, real = self._embed(states, entries, task_ids, dropped)
        first, count = self.tokens.num_observed - 1, self.head.num_predicted
        token = first if count == 1 else None
        features = self.trunk(tokens, steps, self.tokens_per_step, real, token=token)
        if count == 1:
            return self.head.predict(features[:, :, None], task_ids)
        features = features.unflatten(1, (length, self.tokens_per_step))
        return self.head.predict(features[:, :, first : first + count], task_ids)

    def _embed(
        self, states: Tensor, entries: Tensor, task_ids: Tensor, dropped: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Tokens (B, T M, D) of rows, the step (T M,) of each, and which of them exist (B, T M); None where all do."""
        length = states.shape[1]
        tokens = torch.cat(
            [self.tokens.observed(states, task_ids), self.tokens.acted(entries, task_ids, dropped)], dim=2
        )  # (B, T, M, D)
        steps = torch.arange(length, device=states.device).repeat_interleave(self.tokens_per_step)
        exists = self.tokens.exist(task_ids)  # (B, M)
        return tokens.flatten(1, 2), steps, None if exists is None else exists.repeat(1, length)


FAMILY = Generalist
