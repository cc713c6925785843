"""Stage record_logs: what agents decided in imported logs becomes a recording. Writes data/raw, to learn from, and data/test."""

from pathlib import Path

import numpy as np

from understudy.embeddings.embedder import identity
from understudy.embeddings.vectors import read_vectors
from understudy.logs.episodes import LoggedEpisode, choices_in, noisy_copies, read_episodes, write_runs
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
    training = training_runs(logs.episodes, selection, sequences)
    choices = choices_in(logs, training)
    layout = Layout(vectors.shape[1], tuple(decisions.observes), choices, identity(EMBEDDINGS), decisions.predicts)
    learning, test = (
        list(read_episodes(logs, vectors, layout, chosen)) for chosen in (selection.learning, selection.test)
    )
    copied = [each for each in learning if each.run in set(training.tolist())]
    record("raw", logs, layout, [*learning, *noisy_copies(copied, layout, decisions)])
    record("test", logs, layout, test)


def record(name: str, logs: AgentLogs, layout: Layout, logged: list[LoggedEpisode]) -> None:
    with replace_folder(Path("data") / name) as folder:
        write_recording(folder, layout.spec(), "logs", (each.episode for each in logged))
        write_runs(folder, logs, logged)
    own = [each.episode for each in logged if each.copy == 0]
    known = [episode.total_return for episode in own if episode.terminated]
    mean = f"{np.mean(known):.3f}" if known else "unknown"
    steps = sum(episode.length for episode in own)
    print(
        f"data/{name}: {len(own)} sequences and {len(logged) - len(own)} copies, {steps} decisions, mean outcome {mean}"
    )


if __name__ == "__main__":
    run_stage(work, __doc__)
