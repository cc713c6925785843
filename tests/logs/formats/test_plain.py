"""Columns of one run: states are seen, actions done, rewards and agents go with the actions."""

import pytest

from tests.builders import refused
from tests.logs.samples import PLAIN, rows
from understudy.errors import DataError
from understudy.logs.formats.plain import EMPTY_ACTIONS, EMPTY_STATES, UNREAD, read
from understudy.logs.transcript import NOT_JSON


def test_states_actions_rewards_and_agents_come_out():
    [run] = read(PLAIN)
    assert rows(run) == [
        ("environment", "text", None, "You see a door."),
        ("assistant", "tool_call", "open", '{"what": "door"}'),
        ("environment", "text", None, '{"room": 2}'),
        ("assistant", "text", None, "hello"),
        ("environment", "text", None, "The end."),
    ]
    assert [part.turn for part in run.parts] == [0, 1, 2, 3, 4]
    assert [part.decision for part in run.parts] == [False, True, False, True, False]
    assert [part.reward for part in run.parts] == [None, 0.5, None, 1.0, None]
    assert [part.actor for part in run.parts] == [None, "first", None, "2", None]
    assert (run.outcome, run.metadata) == (1.0, {"task": "t1", "success": True, "difficulty": 3})


def test_without_rewards_and_agents_there_are_none():
    [run] = read({"states": ["a"], "actions": ["b"]})
    assert [(part.reward, part.actor) for part in run.parts] == [(None, None), (None, "assistant")]


def test_a_text_that_answers_the_first_state_is_a_decision():
    [run] = read({"states": ["a"], "actions": ["b"]})
    assert [part.decision for part in run.parts] == [False, True]


def test_arguments_may_be_the_json_of_an_object_and_other_text_stays_as_it_is():
    calls = [{"tool": "open", "arguments": '{"b": 1,"a":2}'}, {"tool": "open", "arguments": "door"}, {"tool": "open"}]
    [run] = read({"states": [None] * 3, "actions": calls})
    assert [part.arguments for part in run.parts] == ['{"a": 2, "b": 1}', "door", "{}"]
    assert run.notes == {NOT_JSON: 1, EMPTY_STATES: 3}


@pytest.mark.parametrize("name", ["arguments", "args", "input", "parameters"])
def test_arguments_have_several_names_and_what_else_a_call_holds_is_counted(name):
    action = {"tool": "open", name: {"what": "door"}, "thought": "hm", "id": 3, "empty": None}
    [run] = read({"states": ["a", "b"], "actions": [action, {"name": "open", name: '{"what": "door"}'}]})
    assert [part.arguments for part in run.parts[1::2]] == ['{"what": "door"}'] * 2
    assert run.notes == {UNREAD: 2}


def test_what_is_empty_is_left_out_and_counted_and_what_it_earned_is_in_the_outcome():
    [run] = read({"states": ["a", "", None], "actions": ["", None, "end"], "rewards": [0.5, 0.25, None]})
    assert rows(run) == [("environment", "text", None, "a"), ("assistant", "finish", None, "end")]
    assert run.notes == {EMPTY_STATES: 2, EMPTY_ACTIONS: 2}
    assert run.outcome == 0.75


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"rewards": [0.5, 1]}, 1.5),
        ({"rewards": [0, 0]}, 0.0),
        ({"rewards": [None, None]}, None),
        ({}, None),
        ({"rewards": [0.5, 1], "outcome": 0}, 0.0),
        ({"rewards": [0.5, 1], "metadata": {"success": True}}, 1.0),
        ({"rewards": [1.7e308, 1.7e308]}, None),
    ],
)
def test_where_nothing_tells_the_outcome_it_is_the_sum_of_the_rewards(more, outcome):
    [run] = read({"states": ["a", "b"], "actions": ["x", "y"]} | more)
    assert run.outcome == outcome


def test_arguments_that_are_neither_an_object_nor_text_are_refused():
    with refused(DataError, "actions[1]: input: expected an object or text, got a list"):
        list(read({"states": ["a", "b"], "actions": ["x", {"tool": "open", "input": [1]}]}))


def test_a_reward_that_is_no_number_is_refused():
    with refused(DataError, "rewards[1]: expected a finite number, got much"):
        list(read(PLAIN | {"rewards": [1, "much"]}))


def test_lists_of_other_lengths_are_refused():
    with refused(DataError, "states: expected 2, one an action, or one more, got 1"):
        list(read(PLAIN | {"states": ["a"]}))
