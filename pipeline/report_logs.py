"""Stage report_logs: what logs show, and where policies were surprised and looked. Writes metrics: a report, figures, counts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from understudy.episode import Episode
from understudy.log_evaluation.acts import read_acts
from understudy.log_evaluation.attention import draw_attention
from understudy.log_evaluation.behaviour import describe_behaviour
from understudy.log_evaluation.calibration import probabilities
from understudy.log_evaluation.predictions import read_predictions
from understudy.log_evaluation.runs import JudgedRuns, read_runs
from understudy.log_evaluation.sections import Attended, LogOutcome, log_sections
from understudy.log_evaluation.splits import read_learned
from understudy.log_evaluation.surprise import OddStep, oddest
from understudy.logs.parquet import read_logs
from understudy.logs.selection import select_runs
from understudy.params.log_evaluation import LogEvaluationParams
from understudy.params.policies import PoliciesParams
from understudy.params.runs import RunParams
from understudy.params.sequences import SequenceParams
from understudy.params.training import TrainingParams
from understudy.policies.files import load_trained
from understudy.replay.insight import attention_to_steps
from understudy.report.page import page
from understudy.rollouts.parquet import Recording, read_recording
from understudy.stage import run_stage
from understudy.utils.atomic import replace_file, replace_folder
from understudy.utils.jsonfile import read_json, write_json

LOADS = ("ALL_FAMILIES",)
RAW, TEST, TARGET = Path("data/raw"), Path("data/test"), Path("metrics/report.html")
SHOWN = 3  # runs of which the report says what was looked at: those with the oddest steps


def work(
    runs: RunParams,
    sequences: SequenceParams,
    policies: PoliciesParams,
    training: TrainingParams,
    log_evaluation: LogEvaluationParams,
) -> None:
    torch.set_num_threads(1)  # an episode's tensors are tiny
    logs, recording = read_logs(Path("data/logs")), read_recording(TEST)
    selection = select_runs(logs.episodes, runs, sequences.seed)
    judged = {"learned from": read_learned(RAW), "test": read_runs(TEST, recording)}
    members = {"learned from": selection.learning, "test": selection.test}
    acts = {where: read_acts(logs, chosen) for where, chosen in members.items()}
    called = logs.episodes["run"].to_pylist()
    folders = {name: Path(name) / f"seed_{training.seeds[0]}" for name in policies.names}
    odd = {name: odd_steps(folder, judged["test"], log_evaluation.odd_steps) for name, folder in folders.items()}
    behaviours = {
        where: describe_behaviour(acts[where], judged[where], log_evaluation.longest_loop) for where in judged
    }
    outcome = LogOutcome(
        summary=read_json(Path("metrics/summary.json")),
        baseline=log_evaluation.baseline,
        success_baseline=log_evaluation.success_baseline,
        behaviours=behaviours,
        acts=acts,
        names={where: [called[episode[0].run] for episode in of] for where, of in acts.items()},
        odd=odd,
        attended=attended({name: (folders[name], odd[name]) for name in policies.names}, recording),
        texts=logs.texts["content"].to_pylist(),
    )
    write(outcome)


def odd_steps(folder: Path, runs: JudgedRuns, count: int) -> list[OddStep]:
    """Those of one training seed of a policy, calibrated as it was for the table."""
    evaluated = Path("data/evaluation") / folder
    temperature = read_json(evaluated / "metrics.json")["temperature"]
    chances = probabilities(read_predictions(evaluated)["test"].logits, temperature)
    return list(oddest(chances, runs, count))


def attended(policies: dict[str, tuple[Path, list[OddStep]]], recording: Recording) -> dict[str, list[Attended]]:
    """What the policies that attend looked at in the runs with their oddest steps."""
    found = {}
    for name, (folder, odd) in policies.items():
        trained = load_trained("models" / folder)
        episodes = with_options(recording, read_predictions(Path("data/evaluation") / folder)["test"].options)
        chosen = list(dict.fromkeys(step.episode for step in odd))[:SHOWN]
        weights = {episode: attention_to_steps(trained, episodes[episode]) for episode in chosen}
        if runs := [Attended(episode, each) for episode, each in weights.items() if each is not None]:
            found[name] = runs
    return found


def with_options(recording: Recording, options: np.ndarray | None) -> list[Episode]:
    """The episodes of a recording, with the options (N,) that a policy has followed in them, if it has any."""
    episodes = list(recording.as_episodes())
    if options is None:
        return episodes
    parts = np.split(options.astype(np.int16), recording.offsets[1:-1])
    return [replace(episode, options=part) for episode, part in zip(episodes, parts, strict=True)]


def write(outcome: LogOutcome) -> None:
    """The page, a figure a policy that attends, and the counts."""
    about = f"{len(outcome.acts['learned from'])} runs to learn from, {len(outcome.acts['test'])} of the test"
    text = page("Logs of agents", about, log_sections(outcome))
    with replace_file(TARGET) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    with replace_folder(Path("metrics/attention")) as folder:
        for name, (first, *_) in outcome.attended.items():
            names = [act.name for act in outcome.acts["test"][first.episode]]
            draw_attention(first.weights, names, folder / f"{name}.png")
    counts = {where: each.to_json() for where, each in outcome.behaviours.items()}
    write_json(Path("metrics/behaviour.json"), counts)
    for where, each in counts.items():
        print(f"{where}: {each['runs_with_loops']} of {each['runs']} runs have loops, {each['loops']} in all")
    print(f"{TARGET}: {len(text) / 1e6:.1f} MB")


if __name__ == "__main__":
    run_stage(work, __doc__)
