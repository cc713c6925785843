"""Runs of imported logs as episodes of a recording: what each agent decides in each run.

choices_in(logs, runs)                       -- the choices that these runs make
read_episodes(logs, vectors, layout, runs)   -- the episodes, and of which run and agent each is
noisy_copies(logged, layout, params)         -- the same episodes with noise on what they observe
write_runs(folder, logs, episodes)           -- runs.json beside a recording: task, group, domain and agent of each episode
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from understudy.episode import NO_OPTION, UNKNOWN_SEED, Episode
from understudy.logs.observation import REPLIES, Conversation, Layout, choices_of
from understudy.logs.parquet import AgentLogs
from understudy.logs.selection import labels
from understudy.params.runs import DecisionParams
from understudy.utils.jsonfile import write_json

Row = dict[str, Any]
COLUMNS = ["episode", "turn", "agent", "role", "kind", "decision", "tool", "text", "error"]


@dataclass(frozen=True)
class LoggedEpisode:
    """What one agent did in a run: the run's place, the agent's number, the steps, and which copy of them it is, 0 for none."""

    run: int
    agent: int
    episode: Episode
    copy: int = 0


def choices_in(logs: AgentLogs, runs: np.ndarray) -> tuple[str, ...]:
    """What assistants decide in these runs (N,)."""
    steps = logs.steps.select(["episode", "role", "kind", "decision", "tool"])
    wanted = pc.and_(steps["decision"], pc.equal(steps["role"], "assistant"))
    decided = steps.filter(pc.and_(wanted, pc.is_in(steps["episode"], pa.array(runs.astype(np.int32)))))
    called = decided.filter(pc.equal(decided["kind"], "tool_call"))
    plain = decided.filter(pc.not_equal(decided["kind"], "tool_call"))
    return choices_of(called["tool"].unique().to_pylist(), plain["kind"].unique().to_pylist())


def read_episodes(logs: AgentLogs, vectors: np.ndarray, layout: Layout, runs: np.ndarray) -> Iterator[LoggedEpisode]:
    """The episodes of these runs, one an assistant that decides anything; where replies are predicted, one that replies.

    The reward of the last decision is the run's outcome. Where none is known the episode counts as truncated, so that no value is
    learned from it.

    Args:
        logs: imported.
        vectors: (number of texts, D).
        layout: of observations and actions.
        runs: (N,) places, ascending.
    """
    outcomes = logs.episodes["outcome"].to_pylist()
    starts = np.searchsorted(logs.steps["episode"].to_numpy(), np.arange(len(outcomes) + 1))
    steps = logs.steps.select(COLUMNS)
    for run in runs.tolist():
        rows = steps.slice(starts[run], starts[run + 1] - starts[run]).to_pylist()
        agents = dict.fromkeys(row["agent"] for row in rows if row["decision"] and row["role"] == "assistant")
        for agent in sorted(agents):
            episode = _episode(rows, agent, vectors, layout, outcomes[run])
            if episode is not None:
                yield LoggedEpisode(run, agent, episode)


def noisy_copies(logged: Sequence[LoggedEpisode], layout: Layout, params: DecisionParams) -> Iterator[LoggedEpisode]:
    """`params.copies` copies of these training episodes, with Gaussian noise on the vectors that they observe."""
    entries = len(layout.observes) * layout.dim
    spread = np.concatenate([each.episode.observations[:, :entries] for each in logged]).std(axis=0)
    generator = np.random.default_rng(params.seed)
    for copy in range(1, params.copies + 1):
        for each in logged:
            observations = each.episode.observations.copy()
            noise = generator.standard_normal((len(observations), entries), np.float32)
            observations[:, :entries] += np.float32(params.noise) * spread * noise
            yield replace(each, episode=replace(each.episode, observations=observations), copy=copy)


def write_runs(folder: Path, logs: AgentLogs, episodes: Sequence[LoggedEpisode]) -> None:
    """Write runs.json, which says of each episode what is known of its run."""
    places = [each.run for each in episodes]
    chosen = logs.episodes.take(pa.array(places))
    content = {name: chosen[name].to_pylist() for name in ("run", "domain", "agent", "outcome")}
    groups = {of: labels(logs.episodes, of) for of in ("task", "group")}
    content |= {of: [names[run] for run in places] for of, names in groups.items()}
    content["copy"] = [each.copy for each in episodes]
    write_json(folder / "runs.json", content)


def _episode(rows: list[Row], agent: int, vectors: np.ndarray, layout: Layout, outcome: float | None) -> Episode | None:
    """The steps at which the agent did what is predicted; None where there are none."""
    conversation, observations, done = Conversation(layout), [], []
    for turn in _turns(rows):
        deciding = [row for row in turn if row["decision"] and row["role"] == "assistant" and row["agent"] == agent]
        for row in deciding:
            if layout.predicts == "choice" or row["kind"] in REPLIES:
                observations.append(conversation.observation())
                done.append(_action(row, vectors, layout))
        for row in turn:
            _take_in(conversation, row, agent, vectors)
        for row in deciding:
            conversation.decide(layout.choice(row["kind"], row["tool"]))
    if not done:
        return None
    actions, rewards = np.stack(done), np.zeros(len(done), np.float32)
    rewards[-1] = outcome or 0.0
    return Episode(
        seed=UNKNOWN_SEED,
        observations=np.stack(observations),
        actions=actions,
        demonstrated_actions=actions,
        rewards=rewards,
        options=np.full(len(actions), NO_OPTION, np.int16),
        final_observation=conversation.observation(),
        terminated=outcome is not None,
        truncated=outcome is None,
    )


def _action(row: Row, vectors: np.ndarray, layout: Layout) -> np.ndarray:
    """A choice, () int64, or a reply's vector (D,); rounding may have put an entry of length one beyond one."""
    if layout.predicts == "reply":
        return np.clip(vectors[row["text"]], -1, 1)
    return np.asarray(layout.choice(row["kind"], row["tool"]), np.int64)


def _turns(rows: list[Row]) -> Iterator[list[Row]]:
    """The rows of one turn after those of the other."""
    turn: list[Row] = []
    for row in rows:
        if turn and row["turn"] != turn[0]["turn"]:
            yield turn
            turn = []
        turn.append(row)
    if turn:
        yield turn


def _take_in(conversation: Conversation, row: Row, agent: int, vectors: np.ndarray) -> None:
    """What the agent hears, reads or says by this row; what others' tools return it does not see."""
    if row["text"] is None:
        return
    vector, own = vectors[row["text"]], row["agent"] == agent
    if row["role"] == "system":
        conversation.instruct(vector)
    elif row["kind"] == "tool_result":
        if own:
            conversation.read(vector, bool(row["error"]))
    elif own and row["role"] == "assistant":
        conversation.say(vector)
    else:
        conversation.hear(vector)
