"""Logs of agents: seconds to import and embed them, and milliseconds a step along a conversation, on one core.

Run from the root of the repository: PYTHONPATH=src python -m benchmarks.agent_logs LOGS ...
Importing and embedding are the stage programs, each a process of its own, with the values of studies/agents and
studies/agent_replies but for which runs are the test's. Then policies of those studies' sizes, untrained, follow logged
conversations: before each of the assistant's first 20 turns one is asked for the next action, for a reply, or for both. A round
follows all conversations; the three take turns.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ruamel.yaml import YAML

from benchmarks.scale import run
from understudy.embeddings.embedder import identity, load_embedder
from understudy.embeddings.vectors import read_vectors
from understudy.embeddings.words import WordIndex
from understudy.interface import raw_interface
from understudy.logs.acting import LogPolicy
from understudy.logs.observation import REPLIES, Layout, choices_of
from understudy.logs.parquet import AgentLogs, read_logs
from understudy.logs.replying import ReplyPolicy, StoredReplies
from understudy.policies.build import build_model
from understudy.policies.files import TrainedPolicy

ROOT = Path(__file__).resolve().parents[1]
STUDIES = {"choice": ("agents", "decoder"), "reply": ("agent_replies", "similarity")}
TEST = {"domains": None, "test_tasks": 0.2, "test_agents": []}
STEPS, CONVERSATIONS, ROUNDS = 20, 5, 7
LOGS, EMBEDDINGS = Path("data/logs"), Path("data/embeddings")


def make_projects(folder: Path, logs: list[Path]) -> dict[str, dict[str, Any]]:
    """A project of each study, of these logs: its parameters, by what it predicts. What the stages take is printed."""
    yaml, found, imported = YAML(), {}, None
    for predicts, (study, _) in STUDIES.items():
        place = folder / predicts
        (place / "data").mkdir(parents=True)
        params = found[predicts] = yaml.load(ROOT / "studies" / study / "params.yaml")
        params["decisions"]["predicts"], params["runs"] = predicts, TEST
        params["logs"]["paths"] = [str(path.resolve()) for path in logs]
        yaml.dump(params, place / "params.yaml")
        if imported is None:
            imported = place / LOGS
            timed(place, study, "import_logs")
        else:
            (place / LOGS).symlink_to(imported)
        timed(place, study, "embed_texts")
    return found


def timed(place: Path, study: str, stage: str) -> None:
    """Run a stage."""
    seconds, processor, _, _ = run(place, ROOT / "pipeline/run.py", stage)
    print(f"{study}: {stage}: {seconds:.1f} s, {processor:.1f} s of the processor", flush=True)


def count_messages(logs: AgentLogs) -> int:
    """The parts of a turn are one message; what stood before the first one has the turn -1 and is none."""
    turns = logs.steps.filter(np.asarray(logs.steps["turn"]) >= 0).select(["episode", "turn"])
    return turns.group_by(["episode", "turn"]).aggregate([]).num_rows


def conversations(logs: AgentLogs) -> list[list[dict[str, Any]]]:
    """Messages of the runs that are long enough, as OpenAI's interface has them."""
    contents = logs.texts["content"].to_pylist()
    by_run: dict[int, list[dict[str, Any]]] = {}
    for row in logs.steps.to_pylist():
        by_run.setdefault(row["episode"], []).append(row)
    found = [[message(row, contents) for row in rows if row["kind"] != "thought"] for rows in by_run.values()]
    return [each for each in found if len(asked_at(each)) >= STEPS]


def message(row: dict[str, Any], contents: list[str]) -> dict[str, Any]:
    text = None if row["text"] is None else contents[row["text"]]
    if row["kind"] == "tool_call":
        called = {"name": row["tool"], "arguments": contents[row["arguments"]]}
        return {"role": row["role"], "content": None, "tool_calls": [{"type": "function", "function": called}]}
    return {"role": row["role"].replace("environment", "user"), "content": text}


def asked_at(messages: list[dict[str, Any]]) -> list[int]:
    """The first turns of the assistant's own, but for one that opens."""
    return [place for place, each in enumerate(messages) if place and each["role"] == "assistant"][:STEPS]


def untrained(folder: Path, predicts: str, params: dict[str, Any], logs: AgentLogs) -> TrainedPolicy:
    """A policy of a study's sizes for the choices of these logs."""
    rows = logs.steps.select(["kind", "tool", "decision", "role"]).to_pylist()
    decided = [row for row in rows if row["decision"] and row["role"] == "assistant"]
    tools = {row["tool"] for row in decided if row["kind"] == "tool_call"}
    choices = choices_of(sorted(tools), sorted({row["kind"] for row in decided} - {"tool_call"}))
    dim, observes = params["texts"]["dim"], tuple(params["decisions"]["observes"])
    interface = raw_interface(Layout(dim, observes, choices, identity(folder / EMBEDDINGS), predicts).spec())
    block = params["policies"][STUDIES[predicts][1]]
    model = build_model(block["family"], dict(block["model"]), interface, block["family"]).eval()
    return TrainedPolicy(model, block["family"], dict(block["model"]), interface)


def stored_replies(folder: Path, logs: AgentLogs) -> StoredReplies:
    """All replies of assistants that are there."""
    rows = logs.steps.select(["role", "kind", "decision", "text"]).to_pylist()
    said = {row["text"] for row in rows if row["decision"] and row["role"] == "assistant" and row["kind"] in REPLIES}
    numbers, contents = sorted(said), logs.texts["content"].to_pylist()
    texts = tuple(contents[number] for number in numbers)
    vectors = read_vectors(folder / EMBEDDINGS, folder / LOGS / "texts.parquet")[numbers]
    return StoredReplies(texts, vectors, WordIndex.fit(texts), 1.0, 1.0, None)


def follow(policy: LogPolicy, followed: list[list[dict[str, Any]]], rounds: int) -> dict[str, list[tuple[float, ...]]]:
    """Milliseconds a step of each round, of the clock and of the processor, by what is asked; a first round is to warm up."""
    ways: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
        "next_action": policy.next_action,
        "reply": policy.reply,
        "both": lambda messages: (policy.next_action(messages), policy.reply(messages)),
    }
    asked = [messages[:place] for messages in followed for place in asked_at(messages)]
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, ask in ways.items():
            begun = time.perf_counter(), time.process_time()
            for messages in asked:
                ask(messages)
            ended = time.perf_counter(), time.process_time()
            found[name].append(tuple(1e3 * (end - begin) / len(asked) for begin, end in zip(begun, ended, strict=True)))
    return {name: times[1:] for name, times in found.items()}


def main() -> None:
    given = [Path(each) for each in sys.argv[1:]]
    if not given:
        raise SystemExit("agent_logs: expected files or folders of logs, got none")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder, parts = Path(name), {}
        for predicts, params in make_projects(folder, given).items():
            place = folder / predicts
            logs = read_logs(place / LOGS)
            parts[predicts] = untrained(place, predicts, params, logs), load_embedder(place / EMBEDDINGS)
        print(f"{count_messages(logs):,} messages in {logs.episodes.num_rows:,} runs")
        stored = stored_replies(folder / "reply", logs)
        policy = LogPolicy(*parts["choice"], 1.0, None, ReplyPolicy(*parts["reply"], stored))
        followed = conversations(logs)[:CONVERSATIONS]
        print(f"{len(followed)} conversations of {STEPS} steps, {len(stored.texts):,} stored replies, {ROUNDS} rounds")
        print("| asked for | ms a step, median | least | of the processor, median | least |\n|---|---:|---:|---:|---:|")
        for way, times in follow(policy, followed, ROUNDS).items():
            cells = [f"{of(each):.2f}" for each in zip(*times, strict=True) for of in (statistics.median, min)]
            print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
