"""The generalist: one decoder for several tasks with different states and actions, as in Gato (Reed et al., 2022).

B rows, T steps, K tasks, S states and E action entries of the widest task, P choices or entries of it, N bins of returns, D
width. Tokens a step: some that are observed, one of the return or none, and some of the action.

Tokens: what is observed at step 0, a_0, what is observed at step 1, a_1, ... Observed is the state as one token (`tokens:
coarse`), or each component as one, in a vocabulary that all tasks share, and then a separator (`tokens: fine`). The task enters
by a learned vector, in the state's token or as the separator, and as in Gato by other episodes (`prompt_steps`), which stand
before a row. The action at step t is predicted from the last observed token, and the further entries of a vector, of fine tokens,
each from the one before it. As in Gato nothing but actions is predicted. Of a picture among the components coarse tokens have
one more, before the state's.

With `return_conditioned`, as in Multi-Game Decision Transformers (Lee et al., 2022), a step's return-to-go stands between what is
observed and the action, by the scale of the row's task; the action is predicted from it, and it from the last observed token.

Rows of different tasks stand side by side, in training and at play, where a memory's `task_ids` say which task each row acts in.
What other tasks have and a row's does not is masked.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from understudy.interface import Task
from understudy.losses.action_losses import cross_entropy_by_step
from understudy.losses.masking import masked_mean
from understudy.models.family import Losses, LossTerm
from understudy.nn.embeddings import draw_action_dropout
from understudy.nn.maps import AttentionMaps, attention_maps
from understudy.nn.prompts import LayerPrompt
from understudy.nn.return_conditioning import TargetReturn
from understudy.nn.row_memory import RowMemory
from understudy.nn.rows import check_rows
from understudy.nn.task_heads import CoarseHead, FineHead, TaskHead
from understudy.nn.task_images import GREATEST, TaskImages, has_picture, read_names
from understudy.nn.task_options import TaskOptions
from understudy.nn.task_prompts import PROMPT_COLUMNS, TaskPrompts
from understudy.nn.task_returns import TaskReturns
from understudy.nn.task_spaces import TaskSpaces
from understudy.nn.task_streams import TaskStream
from understudy.nn.task_tokens import CoarseTokens, FineTokens, TaskTokens
from understudy.nn.task_values import ActionValues
from understudy.nn.task_weights import take_weights
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
        options: fields of TaskOptions.

    Raises:
        ValueError: embed_dim is not a multiple of 2 * num_heads, the context is longer than max_seq_len, a size is out of its
            range, pictures are not of the shape that is told, or as in TaskOptions.
    """

    reads: frozenset[str] = frozenset({"observation", "action", "label", "task"})
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    burn_in, look_ahead = 1, 0
    Options = TaskOptions

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
        **options: Any,
    ) -> None:
        super().__init__()
        self.options = TaskOptions(**options)
        self.max_seq_len = max_seq_len
        self.spaces = TaskSpaces(tasks)
        images, self.has_pictures = self.options.images, any(map(has_picture, tasks))
        if images is not None and tokens == "fine":
            raise ValueError(
                f"image_shape: expected null with fine tokens, each of a single number, got {self.options.image_shape}"
            )
        # The trunk first: it refuses sizes that the embeddings would only fail at.
        self.trunk = self.options.build_trunk(embed_dim, num_layers, num_heads, hidden_dim, max_seq_len)
        self.tokens: TaskTokens
        self.head: TaskHead
        if tokens == "fine":
            values = ActionValues(self.spaces, num_bins)
            self.tokens, self.head = FineTokens(values, embed_dim, num_bins), FineHead(values, embed_dim)
        else:
            pictures = TaskImages(tasks, images, embed_dim) if images is not None and self.has_pictures else None
            self.tokens = CoarseTokens(self.spaces, embed_dim, pictures)
            self.head = CoarseHead(self.spaces, embed_dim, self.options.continuous_loss)
        told, prompt_steps = self.options.return_conditioned, self.options.prompt_steps
        self.returns = TaskReturns(tasks, embed_dim, self.options.return_bins) if told else None
        self.prompts = TaskPrompts(self.spaces, prompt_steps) if prompt_steps else None
        self.reads = self.reads | ({"return_to_go"} if told else set()) | (PROMPT_COLUMNS if prompt_steps else set())
        if self.options.task_token == "prompt":
            nn.init.zeros_(self.tokens.task_vectors.requires_grad_(False))
        self.stream = TaskStream(self.tokens, self.returns)
        self.tokens_per_step = self.stream.tokens_per_step

    def forward(
        self,
        states: Tensor,
        actions: Tensor,
        task_ids: Tensor,
        seq_lens: Tensor,
        returns_to_go: Tensor | None = None,
    ) -> Tensor:
        """Predict the action at every step; what is predicted after a row's end means nothing.

        Args:
            states: (B, T, S) float32, of a task with fewer padded with anything.
            actions: actions[:, t] taken at step t: (B, T, E) float32, in which a choice is a whole number; of a model of one task
                (B, T) int64 where that has choices.
            task_ids: (B,) int64, the number of each row's task.
            seq_lens: (B,) int64, steps of each row that are real.
            returns_to_go: (B, T) float32, normalised; None where the model is told none.

        Returns:
            Logits of choices, -inf beyond those that the task has, or action vectors, (B, T, P).

        Raises:
            ValueError: shapes disagree, T exceeds max_seq_len, a length is not from 1 to T, or a task or choice does not exist.
        """
        check_rows(states, actions, seq_lens, self.max_seq_len)
        self.spaces.check(states, actions, task_ids)
        got = None if returns_to_go is None else tuple(returns_to_go.shape)
        if got != (expected := None if self.returns is None else tuple(states.shape[:2])):
            raise ValueError(f"returns_to_go: expected shape {expected}, got {got}")
        preds, _, _ = self._predict(states, self.spaces.as_entries(actions), task_ids, returns_to_go=returns_to_go)
        return self.head.as_predictions(preds, task_ids)

    def attention_maps(self, states: Tensor, actions: Tensor, number: int) -> AttentionMaps:
        """What attends to what in `forward`, of rows of the task of this number."""
        task_ids = torch.full((len(states),), number, device=states.device)
        self.spaces.check(states, actions, task_ids)
        tokens, steps, real = self.stream.embed(states, self.spaces.as_entries(actions), task_ids)
        return attention_maps(self.trunk, tokens, steps, self.tokens.names(number), real)

    def fit(self, steps: Mapping[str, Tensor]) -> None:
        """Nothing is measured, since bins mean the same in every task; demonstrations are kept for prompts.

        A warning tells of `image_shape` where no task has a picture, as in one that starts from a model of pictures.
        """
        if self.options.images is not None and not self.has_pictures:
            named = " or ".join(f"{prefix}0" for prefix in GREATEST)
            # fmt: off
            warnings.warn(f"image_shape: no task has a picture, components from {named} on: it is not used", stacklevel=2)
            # fmt: on
        if self.prompts is not None:
            self.prompts.fit(steps)

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Imitation, and what return is to come where that is learned; `generator` draws which past actions to drop."""
        dropout, prompts = self.options.action_dropout if self.training else 0.0, None
        if self.prompts is None:
            dropped = draw_action_dropout(batch.mask.shape, dropout, generator)
        else:
            chance = self.options.prompt_chance if self.training else 1.0
            shown, dropped = self.prompts.draw(batch.mask.shape, chance, dropout, generator)
            prompts = self.prompts.of_batch(batch, shown, self.trunk, self.tokens)
        task_ids, executed = batch["task"], self.spaces.as_entries(batch["action"])
        to_go = None if self.returns is None else batch["return_to_go"]
        given: dict[str, Any] = {"dropped": dropped, "returns_to_go": to_go, "prompts": prompts}
        preds, log_std, told = self._predict(batch["observation"], executed, task_ids, **given)
        labels = self.spaces.as_entries(batch["label"])
        by_step = self.head.step_losses(preds, log_std, labels, task_ids)
        terms = {"action": LossTerm(masked_mean(by_step, batch.mask), batch.mask)}
        if told is not None:
            assert self.returns is not None and self.returns.distribution is not None and to_go is not None
            entropies = cross_entropy_by_step(told, self.returns.distribution.bins(to_go))
            # Of truncated episodes too: what is predicted is the token that the model is fed, the return within the time limit.
            weight = self.options.return_weight
            terms["return"] = LossTerm(masked_mean(entropies, batch.mask), batch.mask, weight)
        return Losses(terms, self.head.as_predictions(preds, task_ids))

    @staticmethod
    def take_weights(
        own: Mapping[str, Tensor],
        other: Mapping[str, Tensor],
        numbers: Sequence[int | None],
        own_tasks: Sequence[Task],
        other_tasks: Sequence[Task],
    ) -> tuple[dict[str, Tensor], dict[str, int]]:
        """The weights of a model with those of another in their place (nn/task_weights.py)."""
        return take_weights(own, other, numbers, (read_names(own_tasks), read_names(other_tasks)))

    def after_update(self) -> None:
        """Nothing follows the weights."""

    def set_compute_dtype(self, dtype: torch.dtype) -> None:
        """The trunk's matrices and its cache."""
        self.trunk.set_compute_dtype(dtype)

    def begin(
        self,
        num_rows: int,
        *,
        target_return: TargetReturn | None = None,
        kappa: float = 10.0,
        prompt: int | None = None,
    ) -> RowMemory:
        """An empty cache for rows of the first task; who plays others sets `task_ids`.

        Args:
            num_rows: B.
            target_return: what a return-conditioned model is to act for, in each row by its own task: a raw return; {"quantile":
                q}, the return below which a share q of the task's training episodes lies; "expert", what an expert would have
                from here on, by the distribution that was learned; None for the quantile 0.9.
            kappa: how much of an expert, where the target is "expert": 0 for what the data have, 10 in Lee et al.
            prompt: how many demonstrations of its task each row is shown, of those that were kept; None for 1 where they alone
                tell the task, else 0.

        Raises:
            ValueError: the model is told no returns, the target or kappa is not finite, kappa is below 0, or "expert" where no
                distribution was learned; or so many demonstrations cannot be shown.
        """
        shown = self.options.prompts_shown(prompt)
        prompt_tokens = shown * self.options.prompt_steps * self.tokens_per_step
        cache = self.trunk.new_cache(num_rows, self.tokens_per_step, prompt_tokens)
        if self.returns is not None:
            settings = self.returns.settings(target_return, kappa)
            return RowMemory(num_rows, {"reward_so_far": torch.zeros(num_rows)}, cache, settings=settings)
        if target_return is not None:
            raise ValueError(
                f"target_return: expected null, since the model is not return_conditioned, got {target_return!r}"
            )
        return RowMemory(num_rows, cache=cache, settings={"prompt": shown})

    def act(self, memory: RowMemory, step: Step[Tensor], generator: torch.Generator | None = None) -> Decision[Tensor]:
        """Actions for the present states; the last actions, these states and the return go through the trunk as one pass.

        For an expert they take two, since the return is predicted from the state.
        """
        if self.prompts is not None:
            self.prompts.show(memory, step.is_first, self.trunk, self.tokens)
        task_ids, previous = memory.task_ids, self.spaces.as_entries(step.previous_action)
        features = self.stream.decode_step(self.trunk, memory, step, previous)
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
        self,
        states: Tensor,
        entries: Tensor,
        task_ids: Tensor,
        *,
        dropped: Tensor | None = None,
        returns_to_go: Tensor | None = None,
        prompts: list[LayerPrompt] | None = None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """What the head says of each step of rows, and the logits (B, T, N) of returns where these are learned.

        Args:
            states: (B, T, S).
            entries: (B, T, E).
            task_ids: (B,) int64.
            dropped: (B, T) bool, actions that are withheld.
            returns_to_go: (B, T), of a model that is told them.
            prompts: of the rows, a layer after the other.
        """
        last, count = self.tokens.num_observed - 1, self.head.num_predicted
        distribution, first = None, last
        if self.returns is not None:
            distribution, first = self.returns.distribution, last + 1
        tokens, steps, real = self.stream.embed(states, entries, task_ids, dropped=dropped, returns_to_go=returns_to_go)
        token = first if count == 1 and distribution is None else None
        features = self.trunk(tokens, steps, self.tokens_per_step, real, token=token, prompts=prompts)
        features = features.unflatten(1, (states.shape[1], -1))
        if token is not None:
            return *self.head.predict(features, task_ids), None
        told = None if distribution is None else distribution(features[:, :, last])
        return *self.head.predict(features[:, :, first : first + count], task_ids), told


FAMILY = Generalist
