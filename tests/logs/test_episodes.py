"""Runs of the toy desk as episodes, against the records that they were imported from."""

import json
from dataclasses import replace

import numpy as np
import pytest

from understudy.logs.episodes import choices_in, noisy_copies, read_episodes, write_runs
from understudy.logs.importing import import_logs
from understudy.logs.observation import Layout
from understudy.logs.parquet import read_logs
from understudy.logs.toy import toy_records, write_toy_logs
from understudy.params.runs import DecisionParams
from understudy.utils.jsonfile import read_json

RECORDS = list(toy_records(num_runs=30, num_tasks=10, error_rate=0.3, agent="desk", seed=4))


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    write_toy_logs(folder / "desk.jsonl", num_runs=30, num_tasks=10, error_rate=0.3, agent="desk", seed=4)
    import_logs([folder / "desk.jsonl"], "auto", folder / "out", False, shown=False)
    return read_logs(folder / "out")


def episodes(logs, runs=range(30), predicts="choice"):
    """Episodes whose vectors are the numbers of the texts."""
    numbers = np.arange(logs.texts.num_rows, dtype=np.float32)[:, None]
    layout = Layout(1, ("user", "tools", "opening", "said"), choices_in(logs, np.arange(30)), "numbers", predicts)
    return layout, list(read_episodes(logs, numbers, layout, np.asarray(list(runs))))


def expected_choices(record):
    """Names of what the assistant did in a record, turn by turn."""
    turns = [message for message in record["messages"] if message["role"] == "assistant"]
    names = [turn["tool_calls"][0]["function"]["name"] if "tool_calls" in turn else "reply" for turn in turns]
    return [*names[:-1], "finish"]


def test_each_decision_is_a_step_with_its_choice_and_the_outcome_at_the_last(logs):
    layout, found = episodes(logs)
    assert [each.run for each in found] == list(range(30))
    for record, logged in zip(RECORDS, found, strict=True):
        episode = logged.episode
        assert [layout.choices[action] for action in episode.actions] == expected_choices(record)
        assert episode.rewards.tolist() == [0] * (episode.length - 1) + [record["outcome"]]
        assert episode.terminated and not episode.truncated


def test_an_observation_holds_what_was_heard_before_and_nothing_later(logs):
    contents = logs.texts["content"].to_pylist()
    _, found = episodes(logs)
    for record, logged in zip(RECORDS, found, strict=True):
        decided = [number for number, each in enumerate(record["messages"]) if each["role"] == "assistant"]
        for number, observation in zip(decided, logged.episode.observations, strict=True):
            before = record["messages"][:number]
            users = [each["content"] for each in before if each["role"] == "user"]
            said = [each["content"] for each in before if each["role"] == "assistant" and each["content"]]
            assert contents[int(observation[0])] == users[-1]
            assert contents[int(observation[2])] == users[0]
            assert contents[int(observation[3])] == (said[-1] if said else contents[0])
            latest: list[str] = []  # results of the last turn that called tools
            for earlier, message in enumerate(before):
                if message["role"] == "tool":
                    latest = [*(latest if before[earlier - 1]["role"] == "tool" else []), message["content"]]
            assert observation[1] == sum(contents.index(result) for result in latest)


def test_results_since_the_last_decision_are_added_up(logs):
    numbers = {content: number for number, content in enumerate(logs.texts["content"].to_pylist())}
    _, found = episodes(logs)
    pairs = 0
    for record, logged in zip(RECORDS, found, strict=True):
        messages, step = record["messages"], -1
        for number, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            step += 1
            fresh = []
            for earlier in reversed(messages[:number]):
                if earlier["role"] != "tool":
                    break
                fresh.append(numbers[earlier["content"]])
            if fresh:
                assert logged.episode.observations[step][1] == sum(fresh)
                pairs += len(fresh) > 1
    assert pairs > 3


def test_where_replies_are_predicted_the_steps_are_the_replies_with_their_vectors(logs):
    contents, share = logs.texts["content"].to_pylist(), logs.texts.num_rows
    vectors = np.arange(share, dtype=np.float32)[:, None] / share
    layout = Layout(1, ("user", "said"), choices_in(logs, np.arange(30)), "numbers", "reply")
    found = list(read_episodes(logs, vectors, layout, np.arange(30)))
    _, of_choices = episodes(logs)
    for record, logged, beside in zip(RECORDS, found, of_choices, strict=True):
        turns = [message for message in record["messages"] if message["role"] == "assistant"]
        replies = [turn["content"] for turn in turns if turn["content"]]
        assert [contents[round(float(action[0]) * share)] for action in logged.episode.actions] == replies
        assert logged.episode.rewards.tolist() == [0] * (len(replies) - 1) + [record["outcome"]]
        steps = [number for number, turn in enumerate(turns) if turn["content"]]
        # What was done so far counts tools, too.
        assert (logged.episode.observations[:, 2:] == beside.episode.observations[steps, 4:]).all()
        assert (logged.episode.observations[:, 0] * share).round().tolist() == beside.episode.observations[
            steps, 0
        ].tolist()


def call(tool, name):
    return {"tool_calls": [{"id": name, "function": {"name": tool, "arguments": "{}"}}]}


def test_what_a_users_tool_returns_is_not_seen_and_what_the_user_says_of_it_is(tmp_path):
    messages = [
        {"role": "user", "content": "My phone is dead."},
        {"role": "assistant", "content": None, **call("check_line", "a")},
        {"role": "tool", "tool_call_id": "a", "content": "line is up"},
        {"role": "assistant", "content": "Please restart it."},
        {"role": "user", "content": None, **call("restart", "b")},
        {"role": "tool", "tool_call_id": "b", "content": "restarted"},
        {"role": "user", "content": "It works."},
        {"role": "assistant", "content": "Goodbye."},
    ]
    (tmp_path / "phone.jsonl").write_text(json.dumps({"messages": messages}))
    import_logs([tmp_path / "phone.jsonl"], "auto", tmp_path / "out", False, shown=False)
    logs = read_logs(tmp_path / "out")
    contents = logs.texts["content"].to_pylist()
    numbers = np.arange(len(contents), dtype=np.float32)[:, None]
    layout = Layout(1, ("user", "tools", "said"), choices_in(logs, np.array([0])), "numbers", "choice")
    [logged] = read_episodes(logs, numbers, layout, np.array([0]))
    assert [layout.choices[action] for action in logged.episode.actions] == ["check_line", "reply", "finish"]
    heard, read, said = (contents[int(number)] for number in logged.episode.observations[2, :3])
    assert (heard, read, said) == ("It works.", "line is up", "Please restart it.")
    assert logged.episode.observations[2, -1] == 0  # no result of its own since its last decision


@pytest.mark.parametrize("form", ["text", "tool"])
def test_in_the_plain_form_an_action_is_decided_by_the_state_of_its_own_place(tmp_path, form):
    done = {"red": "stop", "amber": "wait", "green": "go"}  # action t is a function of state t, and of no other
    states = np.random.default_rng(0).choice(list(done), 40).tolist()
    actions = [done[state] if form == "text" else {"tool": done[state]} for state in states]
    (tmp_path / "lights.json").write_text(json.dumps({"states": states, "actions": actions}))
    import_logs([tmp_path / "lights.json"], "auto", tmp_path / "out", False, shown=False)
    logs = read_logs(tmp_path / "out")
    contents = logs.texts["content"].to_pylist()
    numbers = np.arange(len(contents), dtype=np.float32)[:, None]
    predicts = "reply" if form == "text" else "choice"
    layout = Layout(1, ("user",), choices_in(logs, np.array([0])), "numbers", predicts)
    [logged] = read_episodes(logs, numbers / len(contents), layout, np.array([0]))
    seen = [contents[round(float(each[0]) * len(contents))] for each in logged.episode.observations]
    assert seen == states  # from the first on: an action is no greeting
    if form == "text":
        chosen = [contents[round(float(each[0]) * len(contents))] for each in logged.episode.actions]
    else:
        chosen = [layout.choices[each] for each in logged.episode.actions]
    assert chosen == [done[state] for state in states]


def test_a_run_without_outcome_is_truncated(logs):
    unknown = logs.episodes.set_column(
        logs.episodes.schema.get_field_index("outcome"), "outcome", [[None] * logs.episodes.num_rows]
    )
    _, found = episodes(type(logs)(unknown, logs.agents, logs.steps, logs.texts), [3])
    assert found[0].episode.truncated and not found[0].episode.terminated
    assert found[0].episode.rewards.sum() == 0


def test_what_training_never_chose_is_another(logs):
    choices = choices_in(logs, np.array([0]))
    layout, vectors = Layout(1, ("user",), choices, "x", "choice"), np.zeros((logs.texts.num_rows, 1), np.float32)
    found = [each.episode.actions for each in read_episodes(logs, vectors, layout, np.arange(30))]
    assert max(actions.max() for actions in found) == len(choices) - 1
    assert found[0].max() < len(choices) - 1


def test_what_is_known_of_each_run_stands_beside_the_recording(logs, tmp_path):
    _, found = episodes(logs)
    write_runs(tmp_path, logs, [found[4], replace(found[2], copy=3)])
    content = read_json(tmp_path / "runs.json")
    assert content["task"] == [f"orders/{RECORDS[run]['task']}" for run in (4, 2)]
    assert content["group"] == [RECORDS[run]["group"] for run in (4, 2)]
    assert (content["agent"], content["run"]) == (["desk", "desk"], ["desk-4", "desk-2"])
    assert content["copy"] == [0, 3]


def test_copies_have_noise_of_the_entries_own_spread_on_their_vectors_alone(logs):
    layout, found = episodes(logs)
    params = DecisionParams(predicts="choice", observes=list(layout.observes), copies=40, noise=0.5, seed=0)
    copies = list(noisy_copies(found, layout, params))
    assert [each.copy for each in copies[::30]] == list(range(1, 41))
    before = np.concatenate([each.episode.observations for each in found])
    after = np.stack(
        [np.concatenate([each.episode.observations for each in copies[n : n + 30]]) for n in range(0, 1200, 30)]
    )
    assert (after[..., 4:] == before[:, 4:]).all()
    np.testing.assert_allclose((after - before)[..., :4].std(axis=(0, 1)), 0.5 * before[:, :4].std(axis=0), rtol=0.05)
    assert all((each.episode.actions == found[number % 30].episode.actions).all() for number, each in enumerate(copies))
