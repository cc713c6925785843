"""Policies that predict replies: what they find along a conversation is what their vectors, and the words, say."""

import json
import shutil

import numpy as np
import pytest

from tests.builders import refused
from tests.logs.learned import REPLYING
from understudy.errors import DataError, ParameterError
from understudy.log_evaluation.predictions import read_predictions
from understudy.logs.acting import LogPolicy, load_log_policy
from understudy.logs.replying import load_replies
from understudy.policies.files import load_trained
from understudy.rollouts.parquet import read_recording
from understudy.utils.jsonfile import read_json, write_json

REPLIES = {"It is cancelled.", "You are welcome. Goodbye!", "Happy to help. What is your e-mail address?"}


def conversations(replying):
    """The messages of each run of the test, in the recording's order."""
    lines = (replying / "logs/other.jsonl").read_text().splitlines()
    messages = {record["id"]: record["messages"] for record in map(json.loads, lines)}
    return [messages[run] for run in read_json(replying / "data/test/runs.json")["run"]]


def before_replies(messages):
    """The conversation before each of the assistant's replies."""
    turns = [number for number, each in enumerate(messages) if each["role"] == "assistant" and each["content"]]
    return [messages[:number] for number in turns]


def test_replies_are_found_more_often_by_policies_and_words_than_by_words(replying):
    found = read_json(replying / "metrics/retrieval.json")
    ways = [way for name in REPLYING for way in (name, f"{name} and words")]
    assert list(found) == sorted(["words", "linear", "linear and words", *ways])
    assert found["similarity"]["r_at_1"] > 0.5  # of about ten different replies
    assert found["cloning"]["mrr"] > found["words"]["mrr"] + 0.1
    assert found["similarity and words"]["r_at_1"] > found["words"]["r_at_1"] + 0.2
    assert (replying / "metrics/retrieval.md").read_text().count("\n") == 2 + len(found)


@pytest.mark.parametrize("name", REPLYING)
def test_along_a_conversation_it_finds_what_it_predicts_of_the_imported_run(replying, name):
    policy = load_replies(replying / f"packed/{name}/seed_0")
    predicted, step = read_predictions(replying / f"data/evaluation/{name}/seed_0")["test"].logits, 0
    stored, words = policy.stored, policy.stored.words
    by_text = {text: place for place, text in enumerate(stored.texts)}
    for messages in conversations(replying):
        for asked in before_replies(messages):
            logits = stored.policy_weight * stored.vectors @ predicted[step]
            logits += (
                stored.words_weight
                * (words.vectors(stored.texts) @ words.vectors([asked[-1]["content"]]).T).toarray()[:, 0]
            )
            chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            found = policy.reply(asked, k=3)
            assert [each.probability for each in found] == pytest.approx(sorted(chances)[:-4:-1], abs=1e-4)
            assert [chances[by_text[each.text]] for each in found] == pytest.approx(sorted(chances)[:-4:-1], abs=1e-4)
            step += 1
    assert step == len(predicted) == len(read_recording(replying / "data/test").steps["action"])


def test_asked_at_every_turn_it_says_what_it_says_asked_once(replying):
    """Where a tool is called instead, what was asked has not come to pass."""
    often, once = (load_replies(replying / "packed/similarity/seed_0") for _ in range(2))
    messages = max(conversations(replying), key=len)
    for number in range(2, len(messages)):
        found = often.reply(messages[:number])
    assert found == once.reply(messages[:-1])


def test_k_and_what_is_stored_limit_what_is_found(replying):
    policy = load_replies(replying / "packed/similarity/seed_0")
    messages = conversations(replying)[0][:2]
    assert len(policy.reply(messages, k=1)) == 1
    everything = policy.reply(messages, k=10_000)
    assert len(everything) == len(policy.stored.texts) and REPLIES < {each.text for each in everything}
    assert sum(each.probability for each in everything) == pytest.approx(1)
    with refused(ValueError, "k: expected at least 1, got 0"):
        policy.reply(messages, k=0)


def test_confidence_is_held_against_the_threshold(replying):
    policy = load_replies(replying / "packed/similarity/seed_0")
    messages = conversations(replying)[0][:2]
    first, second = (each.probability for each in policy.reply(messages, k=2))
    for threshold, confident in ((second, [True, True]), (first, [True, False]), (None, [False, False])):
        object.__setattr__(policy.stored, "threshold", threshold)
        assert [each.confident for each in policy.reply(messages, k=2)] == confident


def test_a_policy_of_choices_replies_with_one_of_replies(learned, replying):
    choices, replies = learned / "packed/decoder/seed_0", replying / "packed/similarity/seed_0"
    messages = conversations(replying)[0][:2]
    both, alone = load_log_policy(choices, replies=replies), load_log_policy(choices)
    assert both.reply(messages, k=2) == load_replies(replies).reply(messages, k=2)
    assert both.next_action(messages) == alone.next_action(messages)
    with refused(ParameterError, "replies: expected load_log_policy(FOLDER, replies=FOLDER), got no folder"):
        alone.reply(messages)


def test_what_a_policy_does_not_predict_it_is_not_loaded_for(learned, replying, tmp_path):
    shutil.copytree(replying / "packed/similarity/seed_0", tmp_path / "replies")
    for name in ("policy.json", "model.safetensors"):
        shutil.copyfile(learned / "packed/decoder/seed_0" / name, tmp_path / "replies" / name)
    with refused(
        DataError, "replies.json: expected stored replies", "expected a policy that predicts replies, got one"
    ):
        load_replies(tmp_path / "replies")
    folder = replying / "packed/similarity/seed_0"
    with refused(DataError, "expected a policy that predicts choices, got one that predicts replies"):
        LogPolicy(load_trained(folder), None, 1.0, None)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("texts", ["one"], "expected a vector of 8 numbers for each of one or more replies, got"),
        ("words", {}, "'vocabulary'"),
        ("threshold", "high", "could not convert"),
        ("files", {"replies.safetensors": "0"}, "expected the file that replies.json describes"),
    ],
)
def test_damaged_replies_are_a_sentence(replying, tmp_path, key, value, problem):
    shutil.copytree(replying / "packed/similarity/seed_0", tmp_path / "packed")
    write_json(tmp_path / "packed/replies.json", read_json(tmp_path / "packed/replies.json") | {key: value})
    with refused(DataError, "replies", problem):
        load_replies(tmp_path / "packed")
