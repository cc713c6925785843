"""Stage record_logs: what agents decided in imported logs becomes a recording. Writes data/raw, to learn from, and data/test."""

from pathlib import Path

import numpy as np

from understudy.embeddings.embedder import identity
from understudy.embeddings.vectors import read_vectors
from understudy.logs.episodes import choices_in, read_episodes, write_runs
from understudy.logs.observation import Layout
from understudy.logs.parquet import AgentLogs, read_logs
from understudy.logs.selection import select_runs, training_runs
from understudy.params.runs import DecisionParams, RunParams
from understudy.params.sequences import SequenceParams
from understudy.rollouts.parquet import write_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_folder

LOGS, EMBEDDINGS = Path("data/logs"), Path("data/embeddings")


def work(runs: RunParams, decisions: DecisionParams, sequences: SequenceParams) -> None:
    logs, vectors = read_logs(LOGS), read_vectors(EMBEDDINGS, LOGS / "texts.parquet")
    selection = select_runs(logs.episodes, runs, sequences.seed)
    choices = choices_in(logs, training_runs(logs.episodes, selection, sequences))
    layout = Layout(vectors.shape[1], tuple(decisions.observes), choices, identity(EMBEDDINGS))
    for name, chosen in (("raw", selection.learning), ("test", selection.test)):
        with replace_folder(Path("data") / name) as folder:
            record(folder, logs, vectors, layout, chosen)


def record(folder: Path, logs: AgentLogs, vectors: np.ndarray, layout: Layout, runs: np.ndarray) -> None:
    logged = list(read_episodes(logs, vectors, layout, runs))
    write_recording(folder, layout.spec(), "logs", (each.episode for each in logged))
    write_runs(folder, logs, [(each.run, each.agent) for each in logged])
    steps = sum(each.episode.length for each in logged)
    known = [each.episode.total_return for each in logged if each.episode.terminated]
    mean = f"{np.mean(known):.3f}" if known else "unknown"
    print(f"{len(logged)} sequences of {len(runs)} runs, {steps} decisions, mean outcome {mean}")


if __name__ == "__main__":
    run_stage(work, __doc__)
