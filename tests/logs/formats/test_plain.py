"""Columns of one run: states are seen, actions done, rewards and agents go with the actions."""

from tests.builders import refused
from tests.logs.samples import PLAIN, rows
from understudy.errors import DataError
from understudy.logs.formats.plain import read
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
    assert run.notes == {NOT_JSON: 1}


def test_a_reward_that_is_no_number_is_refused():
    with refused(DataError, "rewards[1]: expected a finite number, got much"):
        list(read(PLAIN | {"rewards": [1, "much"]}))


def test_lists_of_other_lengths_are_refused():
    with refused(DataError, "states: expected 2, one an action, or one more, got 1"):
        list(read(PLAIN | {"states": ["a"]}))
