"""Stage two_agents: agent and user in telecom, who both call tools. Writes metrics/two_agents.json.

A step is a turn in which one of the two decides; the other waits. Each observes what it has heard, read and done itself.
"together" attends to both agents' steps, "apart" to its own alone: the difference is what the other's calls tell, which an agent
never sees.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from understudy.embeddings.tfidf import TfidfEmbedder
from understudy.log_evaluation.baselines import Steps, predict_baselines
from understudy.log_evaluation.intervals import TaskBootstrap
from understudy.log_evaluation.metrics import right_choices
from understudy.log_evaluation.runs import JudgedRuns
from understudy.logs.importing import import_logs
from understudy.logs.observation import Conversation, Layout, choices_of
from understudy.logs.parquet import AgentLogs, read_logs
from understudy.models.multi_agent import MultiAgentTransformer
from understudy.params.load import load_sections
from understudy.params.log_project import LogProject
from understudy.params.project import load_project
from understudy.params.section import Count, NonNegative, Positive, Probability, Section
from understudy.stage import run_stage
from understudy.utils.jsonfile import write_json

LOGS = Path("data/two_agents_logs")
ROLES = ("assistant", "user")
OBSERVES = ("user", "tools", "opening", "said")
COLUMNS = ["episode", "turn", "role", "agent", "kind", "decision", "tool", "text", "error"]
WAIT = 0  # what the one does in whose turn the other decides, before the choices proper
MODELS = {"together": True, "apart": False}
BASELINES = ("majority", "bigram", "four_gram", "neighbours", "logistic")


class TwoAgentParams(Section):
    """`two_agents:` in further.yaml, where each key has its comment."""

    paths: Annotated[list[str], Field(min_length=1)]
    domain: str
    folds: Annotated[int, Field(ge=2)]
    validation_fraction: Probability
    noise: NonNegative
    steps: Count
    evaluate_every: Count
    batch_size: Count
    learning_rate: Positive
    weight_decay: NonNegative
    model: dict[str, Any]


@dataclass(frozen=True)
class Dialogue:
    """A run of T decisions: observations (2, T, S), what was done (2, T) where the other waits, and the task."""

    observations: np.ndarray
    actions: np.ndarray
    task: str


def work() -> None:
    project = load_project(Path("params.yaml"))
    assert isinstance(project, LogProject)
    params: TwoAgentParams = load_sections(Path("further.yaml"), {"two_agents": TwoAgentParams})["two_agents"]
    torch.set_num_threads(1)
    import_logs([Path(path) for path in params.paths], "auto", LOGS, skip_bad=False, shown=False)
    logs = read_logs(LOGS)
    users = {row["episode"] for row in logs.agents.to_pylist() if row["role"] == "user" and row["num_decisions"]}
    runs = [row for row in logs.episodes.to_pylist() if row["domain"] == params.domain and row["episode"] in users]
    tasks = sorted({row["task"] for row in runs})
    order = np.random.default_rng(0).permutation(np.asarray(tasks, object)).tolist()
    judged: dict[str, list[np.ndarray]] = {}
    for fold in range(params.folds):
        found = one_fold(logs, runs, set(order[fold :: params.folds]), project, params, project.training.seeds[fold])
        for name, values in found.items():
            judged.setdefault(name, []).append(values)
        print(f"fold {fold}: " + ", ".join(f"{name} {found[name].mean():.3f}" for name in MODELS), flush=True)
    together = {name: np.concatenate(each) for name, each in judged.items()}
    write_json(Path("metrics/two_agents.json"), summarise(together, project))


def summarise(judged: dict[str, np.ndarray], project: LogProject) -> dict[str, Any]:
    """Accuracies of either role, of all its decisions and of its calls, with intervals over tasks."""
    evaluation = project.log_evaluation
    _, tasks = np.unique(judged["task"], return_inverse=True)
    bootstrap = TaskBootstrap(tasks, evaluation.resamples, evaluation.confidence, evaluation.seed)
    summary: dict[str, Any] = {}
    for number, role in enumerate(ROLES):
        own = judged["role"] == number
        for what, counted in (("all", own), ("tools", own & judged["tool"])):
            entry: dict[str, Any] = {"decisions": int(counted.sum())}
            for name in (*BASELINES, *MODELS):
                interval = bootstrap.share(judged[name][None], counted)
                share = float(judged[name][counted].mean())
                entry[name] = {"accuracy": share, "ci_low": interval.low, "ci_high": interval.high}
            apart = bootstrap.difference(judged["together"][None], judged["apart"][None], counted)
            mean = entry["together"]["accuracy"] - entry["apart"]["accuracy"]
            entry["together less apart"] = {"accuracy": mean, "ci_low": apart.low, "ci_high": apart.high}
            summary[f"{role}, {what}"] = entry
    return summary


def one_fold(
    logs: AgentLogs,
    runs: list[dict[str, Any]],
    left_out: set[str],
    project: LogProject,
    params: TwoAgentParams,
    seed: int,
) -> dict[str, np.ndarray]:
    """Of each decision of the runs left out: role, task, whether it was a call, and whether each model was right."""
    others = sorted({row["task"] for row in runs} - left_out)
    count = max(1, round(params.validation_fraction * len(others)))
    held_out = set(np.random.default_rng(seed).permutation(others)[:count])
    training = [row["episode"] for row in runs if row["task"] not in left_out | held_out]
    by_run: dict[int, list[dict[str, Any]]] = {}
    for row in logs.steps.select(COLUMNS).to_pylist():
        by_run.setdefault(row["episode"], []).append(row)
    vectors, dim = embed(logs, by_run, training, project), project.texts.dim
    decided = [row for run in training for row in by_run[run] if row["decision"]]
    tools = sorted({row["tool"] for row in decided if row["kind"] == "tool_call"})
    plain = sorted({row["kind"] for row in decided} - {"tool_call"})
    layout = Layout(dim, OBSERVES, choices_of(tools, plain), "", "choice")
    parts: dict[str, list[Dialogue]] = {"training": [], "held out": [], "test": []}
    for row in runs:
        where = "test" if row["task"] in left_out else "held out" if row["task"] in held_out else "training"
        parts[where].append(dialogue(by_run[row["episode"]], layout, vectors, row["task"]))
    found: dict[str, np.ndarray] = {}
    for name, attends in MODELS.items():
        torch.manual_seed(seed)
        model = MultiAgentTransformer(
            state_dim=layout.size,
            action_dim=len(layout.choices) + 1,
            discrete_actions=True,
            max_num_agents=2,
            max_seq_len=max(each.actions.shape[1] for part in parts.values() for each in part),
            attend_between_agents=attends,
            **params.model,
        )
        learn(model, parts, layout, params, seed)
        found |= {name: right(model, parts["test"])}
    return found | baselines(parts, layout, project) | described(parts["test"], layout)


def embed(
    logs: AgentLogs, by_run: dict[int, list[dict[str, Any]]], training: list[int], project: LogProject
) -> np.ndarray:
    """A vector of each text, by what is fitted on those of the training runs alone."""
    contents, texts = logs.texts["content"].to_pylist(), project.texts
    assert texts.tfidf is not None
    known = sorted({row["text"] for run in training for row in by_run[run] if row["text"] is not None})
    fitted = TfidfEmbedder.fit(
        [contents[each] for each in known],
        dim=texts.dim,
        max_characters=texts.max_characters,
        **texts.tfidf.model_dump(),
    )
    return fitted.embed(contents)


def dialogue(rows: list[dict[str, Any]], layout: Layout, vectors: np.ndarray, task: str) -> Dialogue:
    """What both observe at each turn in which one of them decides."""
    sides = {role: Conversation(layout) for role in ROLES}
    owner = {row["agent"]: row["role"] for row in rows if row["role"] in ROLES}
    observations, actions, place = [], [], 0
    while place < len(rows):
        turn = [row for row in rows[place:] if row["turn"] == rows[place]["turn"]]
        place += len(turn)
        deciding = [row for row in turn if row["decision"]]
        if deciding:
            observations.append([sides[role].observation() for role in ROLES])
            choice = layout.choice(deciding[0]["kind"], deciding[0]["tool"])
            actions.append([choice + 1 if role == deciding[0]["role"] else WAIT for role in ROLES])
        for row in turn:
            take_in(sides, row, owner.get(row["agent"]), vectors)
        if deciding:
            sides[deciding[0]["role"]].decide(choice)
    return Dialogue(np.asarray(observations).transpose(1, 0, 2), np.asarray(actions).T, task)


def take_in(sides: dict[str, Conversation], row: dict[str, Any], owner: str | None, vectors: np.ndarray) -> None:
    """A text is said by its role and heard by the other; a result is read by who called; a policy instructs the agent."""
    if row["text"] is None:
        return
    vector = vectors[row["text"]]
    if row["kind"] == "tool_result":
        if owner is not None:
            sides[owner].read(vector, bool(row["error"]))
    elif row["role"] in ROLES:
        sides[row["role"]].say(vector)
        sides[ROLES[1 - ROLES.index(row["role"])]].hear(vector)
    else:
        sides["assistant"].instruct(vector)


def learn(
    model: MultiAgentTransformer, parts: dict[str, list[Dialogue]], layout: Layout, params: TwoAgentParams, seed: int
) -> None:
    """Train in place; the weights are those that were best on the held-out tasks."""
    entries = len(layout.observes) * layout.dim
    every = np.concatenate([each.observations.reshape(-1, layout.size) for each in parts["training"]])
    spread = torch.from_numpy(np.where(np.arange(layout.size) < entries, every.std(axis=0), 0.0).astype(np.float32))
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    best, selected = np.inf, {name: each.clone() for name, each in model.state_dict().items()}
    for step in range(1, params.steps + 1):
        chosen = torch.randint(len(parts["training"]), (params.batch_size,), generator=generator).tolist()
        batch = padded([parts["training"][each] for each in chosen])
        noise = torch.randn(batch["states"].shape, generator=generator)
        loss = loss_of(model, batch | {"states": batch["states"] + params.noise * spread * noise})
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % params.evaluate_every == 0:
            model.eval()
            with torch.inference_mode():
                held_out = float(loss_of(model, padded(parts["held out"])))
            model.train()
            if held_out < best:
                best, selected = held_out, {name: each.clone() for name, each in model.state_dict().items()}
    model.load_state_dict(selected)
    model.eval()


def padded(dialogues: list[Dialogue]) -> dict[str, torch.Tensor]:
    """Arguments of the model, zeros behind the end of each row."""
    longest = max(each.actions.shape[1] for each in dialogues)
    size = dialogues[0].observations.shape[2]
    states = np.zeros((len(dialogues), 2, longest, size), np.float32)
    actions = np.zeros((len(dialogues), 2, longest), np.int64)
    for row, each in enumerate(dialogues):
        states[row, :, : each.actions.shape[1]] = each.observations
        actions[row, :, : each.actions.shape[1]] = each.actions
    lengths = torch.tensor([[each.actions.shape[1]] * 2 for each in dialogues])
    return {
        "states": torch.from_numpy(states),
        "agent_ids": torch.arange(2).expand(len(dialogues), 2),
        "actions": torch.from_numpy(actions),
        "seq_lens": lengths,
        "agent_mask": torch.ones_like(lengths, dtype=torch.bool),
    }


def loss_of(model: MultiAgentTransformer, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy of the decisions; waiting is none."""
    logits, decides = model(**batch)[0], batch["actions"] != WAIT
    return functional.cross_entropy(logits[decides], batch["actions"][decides])


@torch.inference_mode()
def right(model: MultiAgentTransformer, dialogues: list[Dialogue]) -> np.ndarray:
    """Whether the likeliest choice, waiting left out, is the logged one, of each decision in order."""
    batch = padded(dialogues)
    logits = model(**batch)[0]
    logits[..., WAIT] = -torch.inf
    decides = batch["actions"] != WAIT
    return (logits.argmax(-1) == batch["actions"])[decides].numpy()


def baselines(parts: dict[str, list[Dialogue]], layout: Layout, project: LogProject) -> dict[str, np.ndarray]:
    """The same of what the models have to beat; each side has its own, from its own observations and choices."""
    by_role = []
    for role in range(len(ROLES)):
        steps = {name: steps_of(each, role, layout) for name, each in parts.items()}
        others = {"validation": steps["held out"], "test": steps["test"]}
        predicted = predict_baselines(steps["training"], others, project.log_evaluation)
        starts = steps["test"].runs.offsets[1:-1]
        right = {name: right_choices(predicted[name]["test"].logits, others["test"].runs) for name in BASELINES}
        by_role.append({name: np.split(each, starts) for name, each in right.items()})
    return {
        name: np.concatenate([each for run in zip(*(found[name] for found in by_role), strict=True) for each in run])
        for name in BASELINES
    }


def steps_of(dialogues: list[Dialogue], role: int, layout: Layout) -> Steps:
    """A side's decisions alone, run after run."""
    decides = [each.actions[role] != WAIT for each in dialogues]
    labels = [each.actions[role][own] - 1 for each, own in zip(dialogues, decides, strict=True)]
    observations = [each.observations[role][own] for each, own in zip(dialogues, decides, strict=True)]
    offsets = np.cumsum([0, *map(len, labels)])
    names, tasks = np.unique([each.task for each in dialogues], return_inverse=True)
    unknown = np.full(len(dialogues), np.nan)
    runs = JudgedRuns(layout.choices, np.concatenate(labels), offsets, tasks, tuple(names.tolist()), unknown)
    return Steps(np.concatenate(observations), runs)


def described(dialogues: list[Dialogue], layout: Layout) -> dict[str, np.ndarray]:
    """Role, task and whether it was a call, of each decision in the order of `padded` rows."""
    actions = padded(dialogues)["actions"].numpy()
    rows, roles, _ = np.nonzero(actions != WAIT)
    chosen = actions[actions != WAIT] - 1
    plain = {"reply", "finish", "think"}
    return {
        "role": roles,
        "task": np.asarray([each.task for each in dialogues])[rows],
        "tool": np.asarray([layout.choices[each] not in plain for each in chosen]),
    }


if __name__ == "__main__":
    run_stage(work, __doc__)
