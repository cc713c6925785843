"""A policy whose action is a reply's vector, along a conversation: which of the stored replies come nearest.

NearReply, ReplyPolicy  -- `reply(messages, k)`
StoredReplies           -- what there is to find, and how
pack_replies(...)       -- policy, embedder and replies in one folder
load_replies(folder)    -- that folder, ready to reply

K stored replies, D numbers a text's vector, V terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError
from scipy.special import softmax

from understudy.embeddings.embedder import Embedder, load_embedder
from understudy.embeddings.words import WordIndex
from understudy.errors import DataError
from understudy.logs.following import Follower, Message
from understudy.logs.packing import copy_policy
from understudy.policies.files import TrainedPolicy, load_trained
from understudy.utils.jsonfile import read_versioned_json, sha256, write_json
from understudy.utils.provenance import check_files

FORMAT_VERSION = 1
DESCRIPTION, VECTORS = "replies.json", "replies.safetensors"


@dataclass(frozen=True)
class NearReply:
    """A stored reply.

    Attributes:
        text: as it was said.
        probability: of being what is said now, if one of those stored is; calibrated on held-out runs.
        confident: whether that is above the threshold from which the first one was right often enough on held-out runs.
    """

    text: str
    probability: float
    confident: bool


@dataclass(frozen=True)
class StoredReplies:
    """What there is to find, and how it is found.

    Attributes:
        texts: (K,) replies, each once.
        vectors: (K, D) float32, theirs.
        words: by which a reply is likened to the last text that was heard.
        policy_weight, words_weight: of both in the logits.
        threshold: of confidence; None where none is high enough.
    """

    texts: tuple[str, ...]
    vectors: np.ndarray
    words: WordIndex
    policy_weight: float
    words_weight: float
    threshold: float | None


class ReplyPolicy:
    """Finds stored replies for a conversation, and remembers it: messages that it has seen before cost nothing again.

    Args:
        trained: learned the replies of a recording of logs.
        embedder: that made the vectors of these.

    Raises:
        DataError: the policy learned from something else, or the replies have vectors of another size.
    """

    def __init__(self, trained: TrainedPolicy, embedder: Embedder, stored: StoredReplies) -> None:
        self.follower, self.stored = Follower(trained, embedder), stored
        layout = self.follower.layout
        if layout.predicts != "reply":
            raise DataError("expected a policy that predicts replies, got one that predicts choices")
        if stored.vectors.shape != (len(stored.texts), layout.dim) or not len(stored.texts):
            raise DataError(
                f"expected a vector of {layout.dim} numbers for each of one or more replies, got {stored.vectors.shape}"
                f" for {len(stored.texts)}"
            )
        self._words = stored.words.vectors(stored.texts)  # (K, V)

    def reply(self, messages: Sequence[Message], k: int = 5) -> list[NearReply]:
        """The k stored replies that fit best after these messages, the best first; fewer where fewer are stored.

        Raises:
            DataError: a message is malformed; it begins with messages[NUMBER]. ValueError: k is below 1.
        """
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        predicted = self.follower.decide(messages).decision.predictions
        assert predicted is not None
        stored, heard = self.stored, self.follower.heard
        logits = stored.policy_weight * (stored.vectors @ predicted[0].numpy())
        if heard is not None:
            logits = logits + stored.words_weight * (self._words @ stored.words.vectors([heard]).T).toarray()[:, 0]
        chances = softmax(logits.astype(np.float64))
        best = np.argsort(-chances, kind="stable")[:k]
        limit = np.inf if stored.threshold is None else stored.threshold
        return [NearReply(stored.texts[place], float(chances[place]), bool(chances[place] >= limit)) for place in best]


def pack_replies(policy: Path, embeddings: Path, stored: StoredReplies, target: Path) -> None:
    """Write a policy, its embedder and the stored replies to an existing folder, all that `load_replies` needs.

    Raises:
        DataError: the policy has learned from vectors of another embedder, or from something else.
    """
    copy_policy(policy, embeddings, target)
    vectors = np.ascontiguousarray(stored.vectors, np.float32)
    (target / VECTORS).write_bytes(safetensors.numpy.save({"vectors": vectors}))
    content = {
        "format_version": FORMAT_VERSION,
        "texts": list(stored.texts),
        "words": stored.words.describe(),
        "policy_weight": stored.policy_weight,
        "words_weight": stored.words_weight,
        "threshold": stored.threshold,
        "files": {VECTORS: sha256(target / VECTORS)},
    }
    write_json(target / DESCRIPTION, content)


def load_replies(folder: str | Path) -> ReplyPolicy:
    """Load what `pack_replies` wrote.

    Raises:
        DataError: a file is missing or malformed. ParameterError: the embedder's library is not installed.
    """
    path = Path(folder) / DESCRIPTION
    content = read_versioned_json(path, FORMAT_VERSION)
    check_files(path)
    trained, embedder = load_trained(path.parent), load_embedder(path.parent)
    try:
        return ReplyPolicy(trained, embedder, _stored(content, path.parent))
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise DataError(f"{path}: expected stored replies, got something else: {error}") from None


def _stored(content: dict[str, Any], folder: Path) -> StoredReplies:
    threshold = content["threshold"]
    return StoredReplies(
        tuple(map(str, content["texts"])),
        safetensors.numpy.load_file(folder / VECTORS)["vectors"],
        WordIndex.rebuild(content["words"]),
        float(content["policy_weight"]),
        float(content["words_weight"]),
        None if threshold is None else float(threshold),
    )
