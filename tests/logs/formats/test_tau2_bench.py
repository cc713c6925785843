"""Users that call tools, runs without a user, and the customer of a task."""

import copy

import pytest

from tests.logs.samples import TAU2_BENCH, rows
from understudy.logs.formats.tau2_bench import read

GREETING = {"role": "assistant", "content": "Hi! How can I help you today?"}
BY_USER = [
    GREETING,
    {"role": "user", "content": "My phone is slow."},
    {"role": "assistant", "content": "Please run a test."},
    {"role": "user", "content": None, "tool_calls": [{"id": "u1", "name": "run_test", "arguments": {}}]},
    {"role": "tool", "id": "u1", "content": "slow", "error": True, "requestor": "user"},
    {"role": "user", "content": "It says slow. ###STOP###"},
]


def changed(messages=None, user=None, policy=None, **task):
    content = copy.deepcopy(TAU2_BENCH)
    if messages is not None:
        content["simulations"][0]["messages"] = messages
    content["info"]["environment_info"]["policy"] = policy
    content["info"]["user_info"]["implementation"] = user
    content["tasks"][0] |= task
    return content


def test_a_user_that_calls_tools_is_an_agent_and_the_greeting_decides_nothing():
    [run] = read(changed(BY_USER))
    assert [part.decision for part in run.parts] == [False, True, True, True, False, True]
    assert (run.parts[4].role, run.parts[4].actor, run.parts[4].answers, run.parts[4].error) == (
        "tool",
        "user",
        3,
        True,
    )
    assert run.parts[-1].kind == "finish"


def test_the_end_of_a_run_that_was_cut_off_is_no_finish():
    content = changed(BY_USER)
    content["simulations"][0]["termination_reason"] = "max_steps"
    [run] = read(content)
    assert (run.parts[-1].kind, run.ended) == ("text", "max_steps")


def test_without_a_user_the_ticket_is_what_the_agent_sees():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "name": "run_test", "arguments": {}}]}
    [run] = read(changed([call], user="dummy_user", policy="Be brief.", ticket="The phone is slow."))
    assert rows(run)[:2] == [("system", "text", None, "Be brief."), ("environment", "text", None, "The phone is slow.")]
    assert [(part.turn, part.decision) for part in run.parts] == [(-1, False), (-1, False), (0, True)]


@pytest.mark.parametrize(
    ("told", "wanted", "expected"),
    [
        ("You are Ada King.", [{"arguments": {"user_id": "ada_king_0001"}}], "ada_king_0001"),
        ("Your user id is: eva_lind_0002.", [], "eva_lind_0002"),
        ("You name is Ada King, in zip code 1.", [], "ada_king_0007"),
        ("You are John Smith.", [], None),
        (None, None, None),
    ],
)
def test_the_group_is_the_customer(told, wanted, expected):
    looked_up = [
        {"role": "user", "content": "I am Ada."},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "name": "find", "arguments": {}}]},
        {"role": "tool", "id": "1", "content": "ada_king_0007"},
    ]
    scenario, criteria = {"instructions": {"known_info": told}}, {"actions": wanted}
    [run] = read(changed(looked_up, user_scenario=scenario, evaluation_criteria=criteria))
    assert run.group == expected


def test_two_customers_of_one_name_are_not_told_apart():
    messages = [{"role": "user", "content": "ada_king_0001 and ada_king_0002"}]
    [run] = read(changed(messages, user_scenario={"instructions": {"known_info": "You are Ada King."}}))
    assert run.group is None
