"""A policy that has learned from logs, along a conversation: what an agent would do next.

LogPolicy               -- `next_action(messages)`, `reply(messages, k)`
NextAction              -- what it says
pack_policy(...)        -- policy, embedder and calibration in one folder
load_log_policy(folder) -- that folder, ready to act
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.embeddings.embedder import Embedder, load_embedder
from understudy.errors import DataError, ParameterError
from understudy.logs.following import Follower, Message
from understudy.logs.packing import copy_policy
from understudy.logs.replying import NearReply, ReplyPolicy, load_replies
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.utils.jsonfile import read_versioned_json, write_json

FORMAT_VERSION = 1
CALIBRATION = "calibration.json"


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
        trained: learned the choices of a recording of logs.
        embedder: that made the vectors of these.
        temperature: divides the logits.
        threshold: of confidence; None where none is high enough.
        replies: what finds replies; None where there is nothing to find them with.

    Raises:
        DataError: the policy learned from something else.
    """

    def __init__(
        self,
        trained: TrainedPolicy,
        embedder: Embedder,
        temperature: float,
        threshold: float | None,
        replies: ReplyPolicy | None = None,
    ) -> None:
        self.follower = Follower(trained, embedder)
        if self.follower.layout.predicts != "choice":
            raise DataError("expected a policy that predicts choices, got one that predicts replies")
        self.temperature, self.threshold, self.replies = temperature, threshold, replies

    def next_action(self, messages: Sequence[Message]) -> NextAction:
        """What the assistant would do after these messages.

        Args:
            messages: the conversation so far, as OpenAI's interface has it: dictionaries, or objects that its client returned.
                Where they begin with those of the call before, only what is new is read.

        Raises:
            DataError: these are no list, or a message is malformed; then it begins with messages[NUMBER].
        """
        asked = self.follower.decide(messages)
        assert asked.decision.predictions is not None
        chances = (asked.decision.predictions[0] / self.temperature).softmax(-1).tolist()
        option = None if asked.decision.options is None else int(asked.decision.options[0])
        confident = self.threshold is not None and max(chances) >= self.threshold
        named = dict(zip(self.follower.layout.choices, chances, strict=True))
        return NextAction(named, asked.value, option, confident)

    def reply(self, messages: Sequence[Message], k: int = 5) -> list[NearReply]:
        """The k stored replies that fit best after these messages, the best first; fewer where fewer are stored.

        Raises:
            DataError: a message is malformed. ParameterError: the policy was loaded without replies.
        """
        if self.replies is None:
            raise ParameterError("replies: expected load_log_policy(FOLDER, replies=FOLDER), got no folder of replies")
        return self.replies.reply(messages, k)


def pack_policy(policy: Path, embeddings: Path, temperature: float, threshold: float | None, target: Path) -> None:
    """Write a policy, its embedder and its calibration to an existing folder, all that `load_log_policy` needs.

    Raises:
        DataError: the policy has learned from vectors of another embedder, or from something else.
    """
    copy_policy(policy, embeddings, target)
    calibration = {"format_version": FORMAT_VERSION, "temperature": temperature, "threshold": threshold}
    write_json(target / CALIBRATION, calibration)


def load_log_policy(folder: str | Path, replies: str | Path | None = None) -> LogPolicy:
    """Load what `pack_policy` wrote.

    Args:
        folder: of a policy that predicts choices.
        replies: what `pack_replies` wrote, from which to reply; None for nothing.

    Raises:
        DataError: a file is missing or malformed. ParameterError: the embedder's library is not installed.
    """
    folder = Path(folder)
    content = read_versioned_json(folder / CALIBRATION, FORMAT_VERSION)
    trained, embedder = load_trained(folder), load_embedder(folder)
    found = None if replies is None else load_replies(replies)
    threshold = content.get("threshold")
    try:
        limit = None if threshold is None else float(threshold)
        return LogPolicy(trained, embedder, float(content["temperature"]), limit, found)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{folder / CALIBRATION}: expected temperature and threshold, got {error!r}") from None
