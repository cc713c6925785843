"""What an agent knows when it decides, on a conversation whose vectors are known."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import CHOICES, refused
from understudy.errors import DataError
from understudy.logs.observation import Conversation, Layout, choices_of, layout_of

LAYOUT = Layout(2, ("user", "tools", "opening", "said"), ("reply", "finish", "look_up", "another"), "made by", "choice")
HELLO, RESULT, THANKS, ANSWER = (np.array(each, np.float32) for each in ([1, 0], [0, 1], [0.5, 0.75], [0.75, 0.5]))


def parts(observation):
    """By name: vectors, counts of choices, and the rest."""
    vectors = dict(zip(LAYOUT.observes, observation[:8].reshape(4, 2).round(6).tolist(), strict=True))
    return vectors | {"done": np.expm1(observation[8:12]).round().tolist(), "rest": observation[12:].tolist()}


def test_an_observation_is_what_was_heard_read_and_said():
    conversation = Conversation(LAYOUT)
    conversation.hear(HELLO)
    first = parts(conversation.observation())
    assert (first["user"], first["opening"], first["tools"], first["said"]) == ([1, 0], [1, 0], [0, 0], [0, 0])
    assert (first["done"], first["rest"]) == ([0, 0, 0, 0], [0, 0, 1, 0])
    conversation.decide(2)
    conversation.read(RESULT, False)
    conversation.read(RESULT, True)
    second = parts(conversation.observation())
    assert (second["user"], second["tools"], second["done"]) == ([1, 0], [0, 2], [0, 0, 1, 0])
    assert second["rest"] == [1 / 32, 1, 0, 1]
    conversation.say(ANSWER)
    conversation.decide(0)
    conversation.hear(THANKS)
    third = parts(conversation.observation())
    assert (third["user"], third["opening"], third["said"]) == ([0.5, 0.75], [1, 0], [0.75, 0.5])
    assert (third["done"], third["rest"]) == ([1, 0, 1, 0], [2 / 32, 0, 1, 0])


def test_results_after_another_decision_are_not_added_to_those_before():
    conversation = Conversation(LAYOUT)
    for _ in range(2):
        conversation.read(RESULT, False)
        conversation.decide(2)
    assert parts(conversation.observation())["tools"] == [0, 1]


def test_a_policy_opens_a_run_only_until_somebody_speaks():
    conversation = Conversation(LAYOUT)
    conversation.instruct(RESULT)
    assert parts(conversation.observation())["opening"] == [0, 1]
    conversation.hear(HELLO)
    conversation.instruct(RESULT)
    assert parts(conversation.observation())["opening"] == [1, 0]


def test_choices_have_numbers_and_what_is_unknown_is_the_last():
    assert choices_of(["look_up", "cancel"], ["text"]) == ("reply", "finish", "cancel", "look_up", "another")
    assert choices_of([], ["thought", "finish"]) == ("reply", "finish", "think", "another")
    numbers = [LAYOUT.choice(*each) for each in (("text", None), ("finish", None), ("tool_call", "look_up"))]
    assert numbers == [0, 1, 2]
    assert LAYOUT.choice("tool_call", "never_seen") == LAYOUT.choice("thought", None) == 3


def test_a_layout_comes_back_from_the_spec():
    spec = LAYOUT.spec()
    assert layout_of(spec) == LAYOUT == layout_of(spec.from_json(spec.to_json()))
    assert (spec.state_dim, spec.num_actions) == (LAYOUT.size, 4) == (16, 4)
    assert spec.components[:3] == ("user_0", "user_1", "tools_0")


def test_where_replies_are_predicted_an_action_is_a_vector_of_length_one():
    layout = replace(LAYOUT, predicts="reply")
    spec = layout.spec()
    assert layout_of(spec) == layout == layout_of(spec.from_json(spec.to_json()))
    assert (spec.components, spec.action_bounds) == (LAYOUT.components, ((-1, -1), (1, 1)))


def test_another_environment_is_refused():
    with refused(DataError, "expected what was learned from logs of agents, got an environment Toy-v0"):
        layout_of(CHOICES)


@pytest.mark.parametrize("change", [{}, {"dim": "many"}])
def test_a_malformed_layout_is_refused(change):
    spec = LAYOUT.spec()
    spec.kwargs.clear()
    spec.kwargs.update(change)
    with refused(DataError, "expected the layout of observations of logs"):
        layout_of(spec)
