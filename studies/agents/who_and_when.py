"""Stage who_and_when: who failed, and where, in the failed runs of Who&When, by surprise. Writes metrics/who_and_when.json.

A turn surprises by what is said: how far its text's vector lies from what a ridge regression expects after the texts before
it; and by who speaks, after who spoke before. The turn that surprises most is taken for the mistake. Beside it: chance, the first
turn, the last, the commonest place; and logistic regression on place, surprise and text, which has learned from people's labels
of other questions. Zhang et al. (2025) report 14.2 % of steps for the best of their methods that ask a language model.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from understudy.embeddings.tfidf import TfidfEmbedder
from understudy.logs.importing import import_logs
from understudy.logs.parquet import AgentLogs, read_logs
from understudy.params.load import load_sections
from understudy.params.section import Count, Positive, Section, Seed
from understudy.params.texts import TfidfParams
from understudy.stage import run_stage
from understudy.utils.jsonfile import write_json

LOGS = Path("data/who_and_when_logs")
PUBLISHED = 0.142


class FailureParams(Section):
    """`who_and_when:` in further.yaml, where each key has its comment."""

    paths: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]
    strength: Positive
    regularisation: Positive
    dim: Count
    max_characters: Count
    tfidf: TfidfParams


@dataclass(frozen=True)
class FailedRun:
    """A run's turns that an agent took, T of them.

    Attributes:
        question: what was to be done. system: that ran. speakers: (T,) names. texts: (T,) numbers of what was said.
        heard: (T,) number of the text before each, -1 before the first. mistake: which of the turns people hold for the mistake;
            None where it is none of them. culprit: the agent that erred.
    """

    question: str
    system: str
    speakers: list[str]
    texts: list[int]
    heard: list[int]
    mistake: int | None
    culprit: str


def work() -> None:
    params: FailureParams = load_sections(Path("further.yaml"), {"who_and_when": FailureParams})["who_and_when"]
    import_logs([Path(path) for path in params.paths], "who_and_when", LOGS, skip_bad=False, shown=False)
    logs = read_logs(LOGS)
    runs, contents = failed_runs(logs), logs.texts["content"].to_pylist()
    found: dict[str, list[dict[str, float]]] = {}
    for seed in params.seeds:
        for name, numbers in one_dealing(runs, contents, params, seed).items():
            found.setdefault(name, []).append(numbers)
    summary: dict[str, Any] = {
        name: {key: float(np.mean([each[key] for each in dealings])) for key in dealings[0]}
        | {"step_by_seed": [each["step"] for each in dealings]}
        for name, dealings in found.items()
    }
    known = [run for run in runs if run.mistake is not None]
    about = {"runs": len(runs), "mistakes_among_turns": len(known), "turns": sum(len(run.texts) for run in runs)}
    write_json(Path("metrics/who_and_when.json"), {"about": about, "published_step": PUBLISHED, "said": summary})
    for name, numbers in summary.items():
        print(f"{name}: step {numbers['step']:.3f}, agent {numbers['agent']:.3f}")


def failed_runs(logs: AgentLogs) -> list[FailedRun]:
    """All runs, in order."""
    columns = logs.steps.select(["episode", "turn", "role", "agent", "decision", "text"])
    starts = np.searchsorted(columns["episode"].to_numpy(), np.arange(logs.episodes.num_rows + 1))
    agents = logs.agents.to_pylist()
    names = {(row["episode"], row["agent"]): row["name"] for row in agents}
    found = []
    for number, episode in enumerate(logs.episodes.to_pylist()):
        rows = columns.slice(starts[number], starts[number + 1] - starts[number]).to_pylist()
        about, places = json.loads(episode["metadata"]), []
        for place, row in enumerate(rows):
            if row["role"] == "assistant":
                places.append(place)
        turns = [int(rows[place]["turn"]) for place in places]
        wrong = int(about["mistake_step"])
        found.append(
            FailedRun(
                question=str(episode["task"]),
                system=str(episode["agent"]),
                speakers=[names[number, rows[place]["agent"]] for place in places],
                texts=[rows[place]["text"] for place in places],
                heard=[rows[place - 1]["text"] if place else -1 for place in places],
                mistake=turns.index(wrong) if wrong in turns else None,
                culprit=str(about["mistake_agent"]),
            )
        )
    return found


def one_dealing(
    runs: list[FailedRun], contents: list[str], params: FailureParams, seed: int
) -> dict[str, dict[str, float]]:
    """Shares of runs whose step and whose agent are named rightly, each run by what has learned from other questions."""
    questions = sorted({run.question for run in runs})
    order = np.random.default_rng(seed).permutation(len(questions))
    fold_of = {questions[place]: number % params.folds for number, place in enumerate(order)}
    right: dict[str, list[tuple[float, float]]] = {}
    for fold in range(params.folds):
        learned = [run for run in runs if fold_of[run.question] != fold]
        judged = [run for run in runs if fold_of[run.question] == fold]
        for run, said in zip(judged, say(learned, judged, contents, params), strict=True):
            for name, chances in said.items():
                right.setdefault(name, []).append(judge(run, chances))
    return {
        name: dict(zip(("step", "agent"), np.mean(each, axis=0).tolist(), strict=True)) for name, each in right.items()
    }


def judge(run: FailedRun, chances: np.ndarray) -> tuple[float, float]:
    """Chance of naming step and agent rightly by the likeliest of the turns (T,), equals alike; 0 where there is no such turn."""
    likeliest = np.flatnonzero(chances == chances.max())
    step = 0.0 if run.mistake is None else float(run.mistake in likeliest) / len(likeliest)
    return step, float(np.mean([run.speakers[turn] == run.culprit for turn in likeliest]))


def say(
    learned: list[FailedRun], judged: list[FailedRun], contents: list[str], params: FailureParams
) -> list[dict[str, np.ndarray]]:
    """Of each judged run and by name, how likely each turn (T,) is to be the mistake; more is likelier."""
    vectors = text_vectors(learned, judged, contents, params)
    expected = [history(run, vectors) for run in learned]
    spoken = np.concatenate([vectors[run.texts] for run in learned])
    ridge = Ridge(params.strength).fit(np.concatenate(expected), spoken)
    spread = np.square(spoken - ridge.predict(np.concatenate(expected))).mean(axis=0)
    speakers = speaker_counts(learned)

    def surprises(run: FailedRun) -> tuple[np.ndarray, np.ndarray]:
        apart = np.square(vectors[run.texts] - ridge.predict(history(run, vectors)))
        return (apart / spread).mean(axis=1), speaker_surprise(run, speakers)

    def described(run: FailedRun) -> np.ndarray:
        length = len(run.texts)
        place = np.arange(length)
        first = [run.speakers[turn] not in run.speakers[:turn] for turn in range(length)]
        return np.column_stack([place, np.log1p(place), place / length, first, *surprises(run), vectors[run.texts]])

    features, labels = [], []
    for run in learned:
        if run.mistake is not None:
            features.append(described(run))
            labels.append(np.arange(len(run.texts)) == run.mistake)
    scaler = StandardScaler().fit(np.concatenate(features))
    labelled = LogisticRegression(C=params.regularisation, max_iter=1000)
    labelled.fit(scaler.transform(np.concatenate(features)), np.concatenate(labels))
    commonest = np.bincount([run.mistake for run in learned if run.mistake is not None]).argmax()
    found = []
    for run in judged:
        by_text, by_speaker = surprises(run)
        place = np.arange(len(run.texts))
        found.append(
            {
                "chance": np.zeros(len(place)),
                "first turn": -place.astype(float),
                "last turn": place.astype(float),
                "commonest place": -np.abs(place - commonest).astype(float),
                "surprise, text": by_text,
                "surprise, speaker": by_speaker,
                "surprise, both": by_text + by_speaker,
                "labelled": labelled.decision_function(scaler.transform(described(run))),
            }
        )
    return found


def text_vectors(
    learned: list[FailedRun], judged: list[FailedRun], contents: list[str], params: FailureParams
) -> np.ndarray:
    """(texts + 1, D): each text of the runs as `learned` weighs words, zero for other texts, and a last zero for no text."""
    numbers = sorted({number for run in learned for number in run.texts})
    embedder = TfidfEmbedder.fit(
        [contents[number] for number in numbers],
        dim=params.dim,
        max_characters=params.max_characters,
        **params.tfidf.model_dump(),
    )
    used = sorted({number for run in [*learned, *judged] for number in [*run.texts, *run.heard] if number >= 0})
    vectors = np.zeros((len(contents) + 1, params.dim), np.float32)
    vectors[used] = embedder.embed([contents[number] for number in used])
    return vectors


def history(run: FailedRun, vectors: np.ndarray) -> np.ndarray:
    """(T, 2 * D): the text before each turn, and the mean of the run's earlier turns."""
    own = vectors[run.texts]
    sums = np.concatenate([np.zeros((1, own.shape[1])), np.cumsum(own, axis=0)[:-1]])
    means = sums / np.maximum(np.arange(len(own)), 1)[:, None]
    return np.concatenate([vectors[run.heard], means], axis=1)


def speaker_counts(runs: list[FailedRun]) -> dict[tuple[str, str], int]:
    """How often who spoke after whom; "" before a run's first turn, and "*" for anybody."""
    counts: dict[tuple[str, str], int] = {}
    for run in runs:
        for before, now in zip(["", *run.speakers], run.speakers, strict=False):
            for pair in ((before, now), (before, "*")):
                counts[pair] = counts.get(pair, 0) + 1
    return counts


def speaker_surprise(run: FailedRun, counts: dict[tuple[str, str], int]) -> np.ndarray:
    """-log p of each speaker after the one before (T,), with one added to each count of the run's own speakers."""
    size = len(set(run.speakers))
    pairs = zip(["", *run.speakers], run.speakers, strict=False)
    return np.asarray(
        [-np.log((counts.get((before, now), 0) + 1) / (counts.get((before, "*"), 0) + size)) for before, now in pairs]
    )


if __name__ == "__main__":
    run_stage(work, __doc__)
