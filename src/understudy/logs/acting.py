"""A policy that has learned from logs, along a conversation: what an agent would do next.

LogPolicy               -- `next_action(messages)`
NextAction              -- what it says
pack_policy(...)        -- policy, embedder and calibration in one folder
load_log_policy(folder) -- that folder, ready to act
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.embeddings.embedder import DESCRIPTION, NUMBERS, Embedder, identity, load_embedder
from understudy.errors import DataError
from understudy.logs.messages import add_message
from understudy.logs.observation import Conversation, layout_of
from understudy.logs.run import Part
from understudy.logs.transcript import Transcript
from understudy.logs.watching import ValueWatch
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.step import Decision, Step
from understudy.utils.jsonfile import read_versioned_json, write_json

FORMAT_VERSION = 1
CALIBRATION = "calibration.json"
RANKS = ("tool_call", "text", "thought")  # of the parts of a turn, the first that there is names what was decided
Message = Mapping[str, Any]


@dataclass(frozen=True)
class NextAction:
    """What an agent would do next.

    Attributes:
        probabilities: of each tool, `reply`, `finish` and `another`, calibrated on held-out runs.
        value: the outcome that is expected of the run; None where the policy expects none.
        option: the option that is followed; None where there are none.
        confident: whether the likeliest is above the threshold from which the policy was right often enough on held-out runs.
    """

    probabilities: dict[str, float]
    value: float | None
    option: int | None
    confident: bool

    @property
    def likeliest(self) -> str:
        """The choice of the greatest probability."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])


class LogPolicy:
    """Says what comes next in a conversation, and remembers it: messages that it has seen before cost nothing again.

    Args:
        trained: learned from a recording of logs. embedder: that made the vectors of these.
        temperature: divides the logits. threshold: of confidence; None where none is high enough.

    Raises:
        DataError: the policy learned from something else.
    """

    def __init__(self, trained: TrainedPolicy, embedder: Embedder, temperature: float, threshold: float | None) -> None:
        self.trained, self.embedder = trained, embedder
        self.temperature, self.threshold = temperature, threshold
        self.layout = layout_of(trained.task.environment)
        self._answer: NextAction | None
        self._forget()

    @torch.inference_mode()
    def next_action(self, messages: Sequence[Message]) -> NextAction:
        """What the assistant would do after these messages.

        Args:
            messages: the conversation so far, as OpenAI's interface has it. Where they begin with those of the call before, only
                what is new is read.

        Raises:
            DataError: a message is malformed; it begins with messages[NUMBER].
        """
        known = len(self._seen)
        if list(messages[:known]) != self._seen or (self._answer is not None and not self._goes_on(messages)):
            self._forget()
        for number in range(len(self._seen), len(messages)):
            self._take_in(number, messages[number])
        if self._answer is None:
            self._answer = self._decide()
        return self._answer

    def _goes_on(self, messages: Sequence[Message]) -> bool:
        """Whether the next message is the decision that was asked for, so that the memory's last step stands."""
        known = len(self._seen)
        return len(messages) == known or messages[known].get("role") == "assistant"

    def _forget(self) -> None:
        self._seen: list[Message] = []
        self._transcript, self._conversation = Transcript(), Conversation(self.layout)
        self._memory = self.trained.model.begin(1)
        self._previous, self._is_first = 0, True
        self._answer = None

    def _take_in(self, number: int, message: Message) -> None:
        """Read a message; an assistant's is a decision, which the policy follows whatever it would have done."""
        parts = self._transcript.parts
        before = len(parts)
        opening = all(part.role == "system" for part in parts)
        try:
            add_message(self._transcript, number, dict(message))
        except DataError as error:
            self._forget()
            raise DataError(f"messages[{number}]: {error}") from None
        said = [part for part in parts[before:] if part.role == "assistant"]
        decided = min(said, key=lambda part: RANKS.index(part.kind), default=None)
        decides = decided is not None and not (opening and decided.kind == "text")
        if decides and self._answer is None:
            self._decide()
        for part in parts[before:]:
            self._hear(part)
        if decides and decided is not None:
            self._previous, self._is_first = self.layout.choice(decided.kind, decided.tool), False
            self._conversation.decide(self._previous)
            self._answer = None
        self._seen.append(message)

    def _hear(self, part: Part) -> None:
        if part.text is None:
            return
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

    def _decide(self) -> NextAction:
        """Take one step of the policy."""
        task = self.trained.task
        observation = task.normalize_states(task.select_visible(self._conversation.observation()[None]))
        step = Step(
            torch.from_numpy(observation),
            torch.tensor([self._previous]),
            torch.zeros(1),
            torch.tensor([self._is_first]),
        )
        with ValueWatch(self.trained) as watch:
            decision = self.trained.model.act(self._memory, step)
            values = watch.values()
        return self._said(decision, None if values is None else float(values[0]))

    def _said(self, decision: Decision[torch.Tensor], value: float | None) -> NextAction:
        assert decision.predictions is not None
        chances = (decision.predictions[0] / self.temperature).softmax(-1).tolist()
        option = None if decision.options is None else int(decision.options[0])
        confident = self.threshold is not None and max(chances) >= self.threshold
        return NextAction(dict(zip(self.layout.choices, chances, strict=True)), value, option, confident)


def pack_policy(policy: Path, embeddings: Path, temperature: float, threshold: float | None, target: Path) -> None:
    """Write a policy, its embedder and its calibration to an existing folder, all that `load_log_policy` needs.

    Raises:
        DataError: the policy has learned from vectors of another embedder, or from something else.
    """
    expected, found = layout_of(load_trained(policy).task.environment).embedder, identity(embeddings)
    if expected != found:
        raise DataError(
            f"{embeddings}: expected the embedder {expected[:12]} that {policy} learned with, got {found[:12]}"
        )
    for folder, names in ((policy, ("policy.json", "model.safetensors")), (embeddings, (DESCRIPTION, NUMBERS))):
        for name in names:
            shutil.copyfile(folder / name, target / name)
    calibration = {"format_version": FORMAT_VERSION, "temperature": temperature, "threshold": threshold}
    write_json(target / CALIBRATION, calibration)


def load_log_policy(folder: str | Path) -> LogPolicy:
    """Load what `pack_policy` wrote.

    Raises:
        DataError: a file is missing or malformed. ParameterError: the embedder's library is not installed.
    """
    folder = Path(folder)
    content = read_versioned_json(folder / CALIBRATION, FORMAT_VERSION)
    trained, embedder = load_trained(folder), load_embedder(folder)
    threshold = content.get("threshold")
    try:
        return LogPolicy(
            trained, embedder, float(content["temperature"]), None if threshold is None else float(threshold)
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{folder / CALIBRATION}: expected temperature and threshold, got {error!r}") from None
