"""Which of a hundred replies comes next: the logged one is to be found among others of the same runs.

Replies                                -- what was replied at which steps, and what was heard last
replies_in(logs, runs)                 -- Replies of these runs
retrieve(replies, likeness, seed)      -- R@1, R@5 and MRR of a likeness of steps and texts
judge_retrieval(...)                   -- TF-IDF to the last message, a linear map of the observation, and both

M replies, D numbers a text's vector, S observation components.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from understudy.errors import DataError
from understudy.logs.parquet import AgentLogs

CANDIDATES = 100
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)  # of the linear map beside TF-IDF
STRENGTH = 100.0  # of the ridge, whose features are scaled
Likeness = Callable[[int, np.ndarray], np.ndarray]  # of step m to texts (K,) by number, (K,)


@dataclass(frozen=True)
class Replies:
    """Replies of assistants in order.

    Attributes:
        steps: (M,) int64, at which of the runs' decisions. said: (M,) int64, number of the reply's text.
        heard: (M,) int64, number of the last text before it that was not the agent's.
    """

    steps: np.ndarray
    said: np.ndarray
    heard: np.ndarray


def replies_in(logs: AgentLogs, runs: np.ndarray) -> Replies:
    """Replies in runs of one assistant each (N,), in their order; steps count the decisions of all these runs.

    Raises:
        DataError: in a run several assistants decide.
    """
    columns = logs.steps.select(["episode", "agent", "role", "kind", "decision", "text"])
    starts = np.searchsorted(columns["episode"].to_numpy(), np.arange(logs.episodes.num_rows + 1))
    found, step = [], 0
    for run in runs.tolist():
        heard = None
        rows = columns.slice(starts[run], starts[run + 1] - starts[run]).to_pylist()
        if len({row["agent"] for row in rows if row["decision"] and row["role"] == "assistant"}) > 1:
            raise DataError(f"data/logs: run {run}: expected one assistant that replies, got several")
        for row in rows:
            own = row["role"] == "assistant"
            if own and row["decision"]:
                if row["kind"] in ("text", "finish") and heard is not None:
                    found.append((step, row["text"], heard))
                step += 1
            elif not own and row["role"] != "system" and row["text"] is not None:
                heard = row["text"]
    return Replies(*np.asarray(found, np.int64).reshape(-1, 3).T)


def retrieve(replies: Replies, likeness: Likeness, seed: int) -> dict[str, float]:
    """R@1, R@5 and mean reciprocal rank of the logged reply among a hundred, or all there are; ties count half against it."""
    texts, generator = np.unique(replies.said), np.random.default_rng(seed)
    ranks = []
    for place, said in enumerate(replies.said.tolist()):
        others = texts[texts != said]
        drawn = generator.choice(others, min(CANDIDATES - 1, len(others)), replace=False)
        scores = likeness(place, np.append(drawn, said))
        ranks.append(1 + (scores[:-1] > scores[-1]).sum() + (scores[:-1] == scores[-1]).sum() / 2)
    rank = np.asarray(ranks)
    return {"r_at_1": float((rank < 2).mean()), "r_at_5": float((rank < 6).mean()), "mrr": float((1 / rank).mean())}


def judge_retrieval(
    replies: Mapping[str, Replies],
    observations: Mapping[str, np.ndarray],
    vectors: np.ndarray,
    contents: list[str],
    seed: int,
) -> dict[str, dict[str, float]]:
    """How often each way finds the test's replies; how much the linear map counts beside TF-IDF the held-out runs choose.

    Args:
        replies: of "train", "validation" and "test". observations: (decisions, S) of the same. vectors: (texts, D).
        contents: of the texts by number. seed: of the candidates.
    """
    training = replies["train"]
    known = np.unique(np.concatenate([training.said, training.heard]))
    tfidf = TfidfVectorizer(sublinear_tf=True, dtype=np.float32).fit([contents[number] for number in known])
    weighed = tfidf.transform(contents)
    scaler = StandardScaler().fit(observations["train"])
    ridge = Ridge(alpha=STRENGTH)
    ridge.fit(scaler.transform(observations["train"][training.steps]), vectors[training.said])

    def likeness(split: str, weight: float) -> Likeness:
        of_split = replies[split]
        predicted = ridge.predict(scaler.transform(observations[split][of_split.steps]))
        predicted /= np.maximum(np.linalg.norm(predicted, axis=1, keepdims=True), 1e-9)

        def score(place: int, texts: np.ndarray) -> np.ndarray:
            by_words = (weighed[texts] @ weighed[of_split.heard[place]].T).toarray()[:, 0]
            return np.asarray((1 - weight) * by_words + weight * (vectors[texts] @ predicted[place]))

        return score

    tried = {weight: retrieve(replies["validation"], likeness("validation", weight), seed)["mrr"] for weight in WEIGHTS}
    best = max(tried, key=lambda weight: tried[weight])
    ways = {"tfidf": 0.0, "linear": 1.0, "both": best}
    found = {name: retrieve(replies["test"], likeness("test", weight), seed) for name, weight in ways.items()}
    return {name: numbers | {"weight": ways[name]} for name, numbers in found.items()}
