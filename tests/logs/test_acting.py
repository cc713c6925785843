"""Acting in a conversation gives what following the imported run gives, and reads each message once."""

import json

import numpy as np
import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.log_evaluation.predictions import read_predictions
from understudy.log_evaluation.runs import read_runs
from understudy.logs.acting import load_log_policy, pack_policy
from understudy.logs.messages import add_messages
from understudy.logs.transcript import Transcript
from understudy.rollouts.parquet import read_recording
from understudy.utils.jsonfile import read_json


def conversation(learned, run):
    """The messages of a test run."""
    lines = (learned / "logs/other.jsonl").read_text().splitlines()
    return next(record["messages"] for record in map(json.loads, lines) if record["id"] == run)


def asked(policy, messages):
    """What the policy says before each of the assistant's messages."""
    turns = [number for number, message in enumerate(messages) if message["role"] == "assistant"]
    return [policy.next_action(messages[:number]) for number in turns]


@pytest.mark.parametrize("name", ["mlp", "decoder", "hierarchical"])
def test_it_says_what_it_said_of_the_imported_runs(learned, name):
    policy = load_log_policy(learned / f"packed/{name}/seed_0")
    runs = read_runs(learned / "data/test", read_recording(learned / "data/test"))
    told = read_predictions(learned / f"data/evaluation/{name}/seed_0")["test"]
    for place, run in enumerate(read_json(learned / "data/test/runs.json")["run"]):
        steps = slice(runs.offsets[place], runs.offsets[place + 1])
        said = asked(policy, conversation(learned, run))
        chances = np.array([[np.log(each.probabilities[choice]) for choice in runs.choices] for each in said])
        logits = told.logits[steps] / policy.temperature
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(chances, logits, atol=1e-4)
        np.testing.assert_allclose([each.value for each in said], told.values[steps], atol=1e-4)
        if name == "hierarchical":
            assert [each.option for each in said] == told.options[steps].tolist()


@pytest.fixture
def counted(learned, monkeypatch):
    """A decoder, and a list of the texts that it embeds."""
    policy = load_log_policy(learned / "packed/decoder/seed_0")
    embedder, embedded = policy.follower.embedder, []
    embed = embedder.embed
    monkeypatch.setattr(embedder, "embed", lambda texts: embedded.extend(texts) or embed(texts))
    return policy, embedded


def test_each_message_is_read_once_along_a_conversation(learned, counted):
    policy, embedded = counted
    messages = conversation(learned, "other-0")
    asked(policy, messages)
    texts = [message["content"] for message in messages[:-1] if message["content"]]
    assert embedded == texts
    policy.next_action(messages[:-1])
    policy.next_action(messages[:-1])
    assert embedded == texts


@pytest.mark.parametrize("name", ["decoder", "hierarchical"])
def test_asked_late_it_has_followed_all_the_same(learned, name):
    early, late = (load_log_policy(learned / f"packed/{name}/seed_0") for _ in range(2))
    messages = conversation(learned, "other-0")
    assert late.next_action(messages[:-1]) == asked(early, messages)[-1]


def test_another_conversation_and_another_past_begin_anew(learned, counted):
    policy, _ = counted
    fresh = load_log_policy(learned / "packed/decoder/seed_0")
    one, other = conversation(learned, "other-0"), conversation(learned, "other-1")
    asked(policy, one)
    assert policy.next_action(other[:2]) == fresh.next_action(other[:2])
    changed = [*other[:1], {"role": "user", "content": "Where is my order #1004?"}]
    assert policy.next_action(changed) == load_log_policy(learned / "packed/decoder/seed_0").next_action(changed)


def test_what_is_said_after_an_answer_and_before_a_decision_is_heard(learned):
    policy, fresh = (load_log_policy(learned / "packed/decoder/seed_0") for _ in range(2))
    messages = conversation(learned, "other-0")[:2]
    policy.next_action(messages)
    more = [*messages, {"role": "user", "content": "Please, I want my money back."}]
    assert policy.next_action(more) == fresh.next_action(more)


def test_a_greeting_is_no_decision(learned):
    policy = load_log_policy(learned / "packed/decoder/seed_0")
    opened = [
        {"role": "assistant", "content": "How can I help?"},
        {"role": "user", "content": "Cancel my order #1000."},
    ]
    said = policy.next_action(opened)
    assert policy.follower._is_first and sum(said.probabilities.values()) == pytest.approx(1)


GREETINGS = {
    "said": {"role": "assistant", "content": "How can I help?"},
    "thought of": {"role": "assistant", "content": "How can I help?", "reasoning_content": "I greet."},
    "only thought": {"role": "assistant", "content": None, "reasoning_content": "I greet."},
    "a call": {
        "role": "assistant",
        "content": "One moment.",
        "reasoning_content": "I look.",
        "tool_calls": [{"id": "0", "function": {"name": "get_order", "arguments": "{}"}}],
    },
}


@pytest.mark.parametrize("name", GREETINGS)
def test_what_opens_a_conversation_is_a_decision_where_it_is_one_of_the_imported_run(learned, name):
    opened = [GREETINGS[name], {"role": "user", "content": "Cancel my order #1000."}]
    follower = load_log_policy(learned / "packed/decoder/seed_0").follower
    follower.decide(opened)
    transcript = Transcript()
    add_messages(transcript, opened)
    imported = [part for part in transcript.run("test").parts if part.decision and part.role == "assistant"]
    assert follower._conversation.turns == len(imported) == (name == "a call")


def test_a_message_that_was_edited_in_place_is_another(learned):
    policy, fresh = (load_log_policy(learned / "packed/decoder/seed_0") for _ in range(2))
    messages = json.loads(json.dumps(conversation(learned, "other-0")))[:2]
    policy.next_action(messages)
    messages[1]["content"] = "Where is my order #1004?"
    assert policy.next_action(messages) == fresh.next_action(messages)


class Returned:
    """What a client of OpenAI's interface returns in place of a dictionary."""

    def __init__(self, content):
        self.content = content

    def model_dump(self):
        return self.content


@pytest.mark.parametrize("form", ["messages", "calls"])
def test_objects_of_a_client_are_what_they_dump(learned, form):
    policy, fresh = (load_log_policy(learned / "packed/decoder/seed_0") for _ in range(2))
    messages = conversation(learned, "other-0")[:-1]
    if form == "messages":
        objects = [Returned(each | {"refusal": None, "audio": None}) for each in messages]
    else:
        objects = [
            each | {"tool_calls": [Returned(call) for call in each["tool_calls"]]} if "tool_calls" in each else each
            for each in messages
        ]
    assert policy.next_action(objects) == policy.next_action(objects) == fresh.next_action(messages)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([3], "messages[0]: expected an object, got int"),
        ([{"role": "user", "content": "a"}, "x"], "messages[1]: expected an object, got str"),
        ("x", "messages: expected a list, got str"),
        ({"role": "user"}, "messages: expected a list, got dict"),
        (None, "messages: expected a list, got NoneType"),
    ],
)
def test_what_is_no_message_is_a_sentence(learned, messages, says):
    with refused(DataError, says):
        load_log_policy(learned / "packed/mlp/seed_0").next_action(messages)


def test_a_malformed_message_is_a_sentence_and_forgets(learned):
    policy = load_log_policy(learned / "packed/decoder/seed_0")
    messages = conversation(learned, "other-0")[:2]
    expected = policy.next_action(messages)
    with refused(DataError, "messages[2]: role: expected one of"):
        policy.next_action([*messages, {"role": "wizard", "content": "abracadabra"}])
    assert policy.next_action(messages) == expected


def test_confidence_is_held_against_the_threshold(learned):
    policy = load_log_policy(learned / "packed/decoder/seed_0")
    messages = conversation(learned, "other-0")[:2]
    for threshold, confident in ((0.0, True), (1.1, False), (None, False)):
        policy.threshold = threshold
        assert policy.next_action(messages).confident == confident


def test_it_is_packed_with_its_own_embedder_alone(learned, tmp_path):
    (tmp_path / "embedder.json").write_text("{}")
    with refused(DataError, "expected the embedder", "learned with"):
        pack_policy(learned / "models/mlp/seed_0", tmp_path, 1.0, None, tmp_path)
    assert {path.name for path in (learned / "packed/mlp/seed_0").iterdir()} == {
        "policy.json",
        "model.safetensors",
        "embedder.json",
        "embedder.safetensors",
        "calibration.json",
    }
