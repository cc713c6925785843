"""The variants of chat messages that logs are found with."""

import pytest

from tests.builders import refused
from understudy.errors import DataError
from understudy.logs.messages import NO_TEXT, add_messages
from understudy.logs.run import Run
from understudy.logs.transcript import EMPTY, LATER_FIELDS, NOT_JSON, ORPHANED, UNANSWERED, UNWRAPPED, Transcript

HELLO = {"role": "user", "content": "hello"}


def run_of(*messages) -> Run:
    transcript = Transcript()
    add_messages(transcript, messages)
    return transcript.run("test")


def call(name="look", arguments=None, call_id=None):
    function = {"name": name} | ({} if arguments is None else {"arguments": arguments})
    return {"function": function} | ({} if call_id is None else {"id": call_id})


def calls(*made, content=None):
    return {"role": "assistant", "content": content, "tool_calls": list(made)}


def result(content, call_id=None, **more):
    return {"role": "tool", "content": content} | ({} if call_id is None else {"tool_call_id": call_id}) | more


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        (["a", {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "input_text", "text": "a"}, {"type": "refusal", "refusal": "no"}], "a\nno"),
        ([{"type": "image_url", "image_url": {"url": "data:..."}}], "[image_url]"),
        ({"answer": 3}, '{"answer": 3}'),
    ],
)
def test_content_is_text_or_a_list_of_parts(content, text):
    run = run_of({"role": "user", "content": content})
    assert [part.text for part in run.parts] == [text]
    assert run.notes[NO_TEXT] == (text == "[image_url]")


def test_a_message_without_content_is_left_out_and_keeps_its_place():
    run = run_of({"role": "assistant", "content": None}, HELLO, {"role": "assistant", "content": " "})
    assert [(part.turn, part.text) for part in run.parts] == [(1, "hello")]
    assert run.notes == {EMPTY: 2}


@pytest.mark.parametrize("arguments", ['{"b": 1, "a": "x"}', {"b": 1, "a": "x"}, ' {"b":1,"a":"x"}'])
def test_arguments_as_text_or_object_are_the_same(arguments):
    assert run_of(HELLO, calls(call(arguments=arguments))).parts[1].arguments == '{"a": "x", "b": 1}'


@pytest.mark.parametrize(("arguments", "left"), [("{broken", "{broken"), ("[1]", "[1]"), ("3", "3")])
def test_arguments_that_are_no_object_stay_as_they_are(arguments, left):
    run = run_of(HELLO, calls(call(arguments=arguments)))
    assert (run.parts[1].arguments, run.notes[NOT_JSON]) == (left, 1)


@pytest.mark.parametrize("arguments", [None, "", " "])
def test_no_arguments_are_an_empty_object(arguments):
    run = run_of(HELLO, calls(call(arguments=arguments)))
    assert (run.parts[1].arguments, run.notes[NOT_JSON]) == ("{}", 0)


def test_parallel_calls_share_a_turn_and_are_one_decision_and_results_find_theirs():
    made = calls(call("a", call_id="1"), call("b", call_id="2"), content="Let me look.")
    run = run_of(HELLO, made, result("of b", "2"), result("of a", "1"))
    assert [(part.turn, part.kind, part.decision) for part in run.parts] == [
        (0, "text", False),
        (1, "text", False),
        (1, "tool_call", True),
        (1, "tool_call", False),
        (2, "tool_result", False),
        (3, "tool_result", False),
    ]
    assert [(part.tool, part.answers) for part in run.parts[4:]] == [("b", 3), ("a", 2)]


def test_results_without_ids_answer_the_oldest_call_of_their_tool():
    run = run_of(HELLO, calls(call("a"), call("b"), call("b")), result("1", name="b"), result("2"), result("3"))
    assert [part.answers for part in run.parts[4:]] == [2, 1, 3]


def test_a_result_may_name_its_call_as_its_own_id():
    made = calls(call("a", call_id="1"), call("b", call_id="2"))
    run = run_of(HELLO, made, {"role": "tool", "id": "2", "content": "x"}, {"role": "tool", "id": "1", "content": "y"})
    assert [part.answers for part in run.parts[3:]] == [2, 1]


def test_an_id_used_again_belongs_to_the_call_that_waits():
    turn = [calls(call(call_id="1")), result("x", "1")]
    assert [part.answers for part in run_of(HELLO, *turn, *turn).parts] == [None, None, 1, None, 3]


def test_orphaned_results_and_unanswered_calls_are_counted_and_stay():
    run = run_of(HELLO, result("of nothing", "9"), calls(call(call_id="1")))
    assert [(part.kind, part.answers) for part in run.parts[1:]] == [("tool_result", None), ("tool_call", None)]
    assert run.notes == {ORPHANED: 1, UNANSWERED: 1}


@pytest.mark.parametrize(
    ("text", "expected", "notes"),
    [
        ('{"message": "Hi."}', "Hi.", {UNWRAPPED: 1}),
        ('{"message": "Hi.", "note": 1}', 'Hi.\n\n{"note": 1}', {UNWRAPPED: 1, LATER_FIELDS: 1}),
        ('{"message": 3}', '{"message": 3}', {}),
        ('{"message": "Hi."', '{"message": "Hi."', {}),
        ('{"other": "Hi."}', '{"other": "Hi."}', {}),
    ],
)
def test_replies_are_taken_out_of_their_wrapper(text, expected, notes):
    run = run_of(HELLO, {"role": "assistant", "content": text})
    assert (run.parts[1].text, run.notes) == (expected, notes)


def test_what_a_user_says_is_never_unwrapped():
    assert run_of({"role": "user", "content": '{"message": "Hi."}'}).parts[0].text == '{"message": "Hi."}'


@pytest.mark.parametrize(("content", "texts"), [(None, ["No."]), ("Hm.", ["Hm.", "No."]), ("No.", ["No."])])
def test_a_refusal_is_said(content, texts):
    run = run_of(HELLO, {"role": "assistant", "content": content, "refusal": "No."}, HELLO)
    assert [part.text for part in run.parts[1:-1]] == texts
    assert [part.decision for part in run.parts[1:-1]].count(True) == 1 and not run.notes


def test_a_call_of_a_custom_tool_has_its_input_as_text():
    run = run_of(
        HELLO, calls({"id": "1", "type": "custom", "custom": {"name": "grep", "input": "-r x"}}), result("y", "1")
    )
    assert [(part.tool, part.arguments, part.text) for part in run.parts[1:]] == [
        ("grep", "-r x", None),
        ("grep", None, "y"),
    ]


def test_tool_parts_within_content_are_calls_and_results():
    use = {"type": "tool_use", "id": "1", "name": "look", "input": {"at": "sky"}}
    answer = {
        "type": "tool_result",
        "tool_use_id": "1",
        "content": [{"type": "text", "text": "blue"}],
        "is_error": False,
    }
    thought = {"type": "thinking", "thinking": "Up?"}
    says = {"type": "text", "text": "Looking."}
    run = run_of(HELLO, {"role": "assistant", "content": [thought, says, use]}, {"role": "user", "content": [answer]})
    assert [(part.kind, part.role, part.text or part.arguments) for part in run.parts[1:]] == [
        ("thought", "assistant", "Up?"),
        ("text", "assistant", "Looking."),
        ("tool_call", "assistant", '{"at": "sky"}'),
        ("tool_result", "tool", "blue"),
    ]
    assert (run.parts[-1].answers, run.parts[-1].error) == (3, False)
    assert not run.notes


def test_older_and_other_names_are_understood():
    run = run_of(
        {"role": "developer", "content": "Be brief."},
        HELLO,
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
        {"role": "function", "name": "look", "content": "blue", "error": {"type": "timeout"}},
        {"role": "assistant", "content": "Blue.", "reasoning_content": "It said so.", "name": "painter"},
    )
    assert [(part.role, part.kind, part.actor) for part in run.parts] == [
        ("system", "text", None),
        ("user", "text", "user"),
        ("assistant", "tool_call", "assistant"),
        ("tool", "tool_result", "assistant"),
        ("assistant", "thought", "painter"),
        ("assistant", "finish", "painter"),
    ]
    assert (run.parts[3].answers, run.parts[3].error) == (2, True)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("hello", "messages[1]: expected an object, got str"),
        ({"content": "x"}, "messages[1]: role: expected text, found no such field"),
        ({"role": 3}, "messages[1]: role: expected text, got an integer"),
        ({"role": "critic"}, "messages[1]: role: expected one of system, user, assistant, tool, got 'critic'"),
        ({"role": "user", "content": 3}, "messages[1]: content: expected text, null or a list of parts, got int"),
        ({"role": "user", "content": [3]}, "messages[1]: content: expected text, null or a list of parts, got int"),
        (calls("look"), "messages[1]: tool_calls[0]: expected an object, got str"),
        (calls({"function": {"arguments": "{}"}}), "messages[1]: tool_calls[0]: name: expected text, found no such"),
        (calls(call(), {"type": "custom"}), "messages[1]: tool_calls[1]: name: expected text, found no such field"),
        ({"role": "assistant", "function_call": {}}, "messages[1]: function_call: name: expected text, found no such"),
        (calls(call(arguments=[1])), "messages[1]: tool_calls[0]: arguments: expected text or an object, got a list"),
        ({"role": "assistant", "tool_calls": {}}, "messages[1]: tool_calls: expected a list, got an object"),
    ],
)
def test_malformed_messages_are_sentences(message, says):
    with refused(DataError, says):
        run_of(HELLO, message)


def test_a_run_without_anything_is_refused():
    with refused(DataError, "expected at least one message, got none"):
        run_of()
