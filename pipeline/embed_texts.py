"""Stage embed_texts: each text of imported logs becomes a vector. Writes data/embeddings."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from understudy.embeddings.embedder import Embedder
from understudy.embeddings.hub import HubEmbedder
from understudy.embeddings.tfidf import TfidfEmbedder
from understudy.embeddings.vectors import write_vectors
from understudy.embeddings.wordllama import WordLlamaEmbedder
from understudy.logs.parquet import AgentLogs, read_logs
from understudy.logs.selection import select_runs, training_runs
from understudy.params.runs import RunParams
from understudy.params.sequences import SequenceParams
from understudy.params.texts import TextParams
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

LOGS = Path("data/logs")


def work(runs: RunParams, sequences: SequenceParams, texts: TextParams) -> None:
    logs = read_logs(LOGS)
    contents = logs.texts["content"].to_pylist()
    embedder = make_embedder(texts, contents, logs, runs, sequences)
    with replace_folder(Path("data/embeddings")) as folder:
        write_vectors(folder, embedder, contents, LOGS / "texts.parquet")
    print(f"{len(contents)} texts, {embedder.dim} numbers each by {embedder.kind}")


def make_embedder(
    texts: TextParams, contents: list[str], logs: AgentLogs, runs: RunParams, sequences: SequenceParams
) -> Embedder:
    """The embedder that `texts:` names; one that is fitted sees the texts of runs that sequences train on, and no others."""
    if texts.embedder == "wordllama":
        return WordLlamaEmbedder(texts.dim, texts.max_characters)
    if texts.hub is not None and texts.embedder == "hub":
        return HubEmbedder(texts.hub.model, texts.hub.max_tokens)
    assert texts.tfidf is not None
    selection = select_runs(logs.episodes, runs, sequences.seed)
    training = pa.array(training_runs(logs.episodes, selection, sequences), pa.int32())
    numbers = logs.steps.filter(pc.is_in(logs.steps["episode"], training))["text"].drop_null().unique().to_pylist()
    return TfidfEmbedder.fit(
        [contents[number] for number in sorted(numbers)],
        dim=texts.dim,
        max_characters=texts.max_characters,
        **texts.tfidf.model_dump(),
    )


if __name__ == "__main__":
    run_stage(work, __doc__)
