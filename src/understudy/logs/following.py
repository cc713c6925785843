"""A policy along a conversation: what it is told of each message, and its decision at the present.

Follower            -- `decide(messages)`
as_message(message) -- a message as a dictionary

D numbers a text's vector.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from understudy.embeddings.embedder import Embedder
from understudy.errors import DataError
from understudy.logs.messages import add_message
from understudy.logs.observation import REPLIES, Conversation, layout_of
from understudy.logs.run import Part
from understudy.logs.transcript import Transcript
from understudy.logs.watching import ValueWatch
from understudy.nn.cache import KVCache, LayerKVCache
from understudy.nn.row_memory import RowMemory
from understudy.policies.files import TrainedPolicy
from understudy.step import Decision, Step

RANKS = ("tool_call", "text", "thought")  # of the parts of a turn, the first that there is names what was decided


@runtime_checkable
class Dumps(Protocol):
    """A message, or a call in one, as clients of OpenAI's interface return it: an object of pydantic."""

    def model_dump(self) -> dict[str, Any]:
        """The same as a dictionary."""


Message = Mapping[str, Any] | Dumps


@dataclass(frozen=True)
class Asked:
    """What a policy says at the present: its decision, the outcome that it expects, and its memory, should this come to pass."""

    decision: Decision[torch.Tensor]
    value: float | None
    memory: RowMemory


class Follower:
    """Follows a conversation with a policy, and remembers it: messages that it has seen before cost nothing again.

    Args:
        trained: learned from a recording of logs.
        embedder: that made the vectors of these.

    Attributes:
        heard: the last text that was not the assistant's own; None where there is none.

    Raises:
        DataError: the policy learned from something else.
    """

    def __init__(self, trained: TrainedPolicy, embedder: Embedder) -> None:
        self.trained, self.embedder = trained, embedder
        self.layout = layout_of(trained.task.environment)
        self.heard: str | None = None
        self._asked: Asked | None = None
        self.forget()

    @torch.inference_mode()
    def decide(self, messages: Sequence[Message]) -> Asked:
        """What the policy says after these messages.

        Args:
            messages: the conversation so far, as OpenAI's interface has it: dictionaries, or objects that its client returned.
                Where they begin with those of the call before, only what is new is read.

        Raises:
            DataError: these are no list, or a message is malformed; then it begins with messages[NUMBER].
        """
        if isinstance(messages, str) or not isinstance(messages, Sequence):
            raise DataError(f"messages: expected a list, got {type(messages).__name__}")
        given = [_numbered(number, message) for number, message in enumerate(messages)]
        if given[: len(self._seen)] != self._seen:
            self.forget()
        for number in range(len(self._seen), len(given)):
            self._take_in(number, given[number])
        if self._asked is None:
            self._asked = self._act()
        return self._asked

    def forget(self) -> None:
        """Begin a conversation."""
        self.heard = None
        self._seen: list[dict[str, Any]] = []
        self._transcript, self._conversation = Transcript(), Conversation(self.layout)
        self._memory = self.trained.model.begin(1)
        self._previous, self._is_first = self._nothing(), True
        self._asked = None

    def _nothing(self) -> np.ndarray:
        """What stands for the action before the first."""
        return np.zeros(self.layout.dim, np.float32) if self.layout.predicts == "reply" else np.zeros((), np.int64)

    def _take_in(self, number: int, message: dict[str, Any]) -> None:
        """Read a message; an assistant's is a decision, which the policy follows whatever it would have done."""
        parts = self._transcript.parts
        before = len(parts)
        opening = all(part.role == "system" for part in parts)
        try:
            add_message(self._transcript, number, message)
        except DataError as error:
            self.forget()
            raise DataError(f"messages[{number}]: {error}") from None
        said = [part for part in parts[before:] if part.role == "assistant"]
        decided = min(said, key=lambda part: RANKS.index(part.kind), default=None)
        if decided is not None and opening and decided.kind != "tool_call":
            decided = None
        if decided is not None and (self.layout.predicts == "choice" or decided.kind in REPLIES):
            self._follow(decided)
        for part in parts[before:]:
            self._hear(part)
        if decided is not None:
            self._conversation.decide(self.layout.choice(decided.kind, decided.tool))
        self._asked = None
        self._seen.append(copy.deepcopy(message))  # the caller may edit its own

    def _follow(self, decided: Part) -> None:
        """Take the policy's step at which this was decided."""
        self._memory = (self._asked or self._act()).memory
        self._is_first = False
        if self.layout.predicts == "choice":
            self._previous = np.asarray(self.layout.choice(decided.kind, decided.tool))
        else:
            assert decided.text is not None
            self._previous = np.clip(self._embed(decided.text), -1, 1)

    def _hear(self, part: Part) -> None:
        if part.text is None:
            return
        if part.role not in ("assistant", "system"):
            self.heard = part.text
        if part.kind == "tool_result":
            if part.answers is not None and self._transcript.parts[part.answers].role == "assistant":
                self._conversation.read(self._embed(part.text), bool(part.error))
        elif part.role == "system":
            self._conversation.instruct(self._embed(part.text))
        elif part.role == "assistant":
            self._conversation.say(self._embed(part.text))
        else:
            self._conversation.hear(self._embed(part.text))

    def _embed(self, text: str) -> np.ndarray:
        return self.embedder.embed([text])[0]

    def _act(self) -> Asked:
        """One step of the policy, on a copy of its memory: what is asked need not come to pass."""
        task, memory = self.trained.task, _copied(self._memory)
        observation = task.normalize_states(task.select_visible(self._conversation.observation()[None]))
        step = Step(
            torch.from_numpy(observation),
            torch.from_numpy(task.normalize_actions(self._previous[None])),
            torch.zeros(1),
            torch.tensor([self._is_first]),
        )
        with ValueWatch(self.trained) as watch:
            decision = self.trained.model.act(memory, step)
            values = watch.values()
        return Asked(decision, None if values is None else float(values[0]), memory)


def as_message(message: Message) -> dict[str, Any]:
    """A message as a dictionary, its calls too, of which the caller may have put objects into one.

    Raises:
        DataError: it is neither a dictionary nor an object that makes one.
    """
    if isinstance(message, Dumps):
        return message.model_dump()
    if not isinstance(message, Mapping):
        raise DataError(f"expected an object, got {type(message).__name__}")
    content, calls = dict(message), message.get("tool_calls")
    if isinstance(calls, list):
        content["tool_calls"] = [each.model_dump() if isinstance(each, Dumps) else each for each in calls]
    return content


def _numbered(number: int, message: Message) -> dict[str, Any]:
    try:
        return as_message(message)
    except DataError as error:
        raise DataError(f"messages[{number}]: {error}") from None


def _copied(kept: Any) -> Any:
    """A memory, or a part of one, that shares nothing with it; copy.deepcopy would look at every object of the cache."""
    if isinstance(kept, torch.Tensor):
        return kept.clone()
    if isinstance(kept, list):
        return [_copied(each) for each in kept]
    if isinstance(kept, dict):
        return {name: _copied(each) for name, each in kept.items()}
    if isinstance(kept, RowMemory | KVCache | LayerKVCache):
        copied = copy.copy(kept)
        vars(copied).update(_copied(vars(kept)))
        return copied
    return copy.deepcopy(kept)
