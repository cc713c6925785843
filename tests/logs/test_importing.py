"""Files of logs become one folder, the same to the byte, or nothing at all."""

import copy
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import examples, refused
from tests.logs.samples import (
    ASKED,
    OPENAI,
    OPENINFERENCE,
    OTHERS,
    PLAIN,
    REPLIED,
    SAMPLES,
    TAU2_BENCH,
    WHO_AND_WHEN,
    written,
)
from understudy.errors import DataError, ParameterError
from understudy.logs.importing import import_logs
from understudy.logs.parquet import read_logs
from understudy.logs.schema import FILES


def other(number):
    """The conversation about another order."""
    return json.loads(json.dumps(OPENAI).replace("#7", f"#{number}")) | {"id": f"r{number}"}


def taken(paths, target, skip_bad=False, format="auto"):
    return import_logs(paths, format, target, skip_bad, shown=False)


def bytes_of(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_steps_name_texts_that_are_there_once(tmp_path):
    taken([written(tmp_path / "x.jsonl", OPENAI, OPENAI | {"id": "r2"})], tmp_path / "out")
    logs = read_logs(tmp_path / "out")
    texts = logs.texts.to_pydict()
    assert texts["text"] == list(range(4))
    assert sorted(texts["content"]) == sorted([ASKED, REPLIED, '{"order": "#7"}', '{"status": "shipped"}'])
    steps = logs.steps.to_pylist()
    assert [(row["episode"], row["step"], row["turn"]) for row in steps] == [
        (e, s, s) for e in (0, 1) for s in range(4)
    ]
    assert [texts["content"][row["arguments"] if row["text"] is None else row["text"]] for row in steps[:4]] == [
        ASKED,
        '{"order": "#7"}',
        '{"status": "shipped"}',
        REPLIED,
    ]


def test_a_row_a_run_and_a_row_an_agent(tmp_path):
    taken([written(tmp_path / "x.jsonl", OPENAI)], tmp_path / "out")
    logs = read_logs(tmp_path / "out")
    [row] = logs.episodes.to_pylist()
    assert row == {
        "episode": 0,
        "run": "r1",
        "task": "t1",
        "group": "u1",
        "domain": None,
        "agent": "m1",
        "outcome": 1.0,
        "ended": None,
        "format": "openai_chat",
        "source": "x.jsonl",
        "place": "line 1",
        "num_steps": 4,
        "num_decisions": 2,
        "metadata": "{}",
    }
    assert [tuple(agent.values()) for agent in logs.agents.to_pylist()] == [
        (0, 0, "assistant", "assistant", 2, 1),
        (0, 1, "user", "user", 0, 0),
    ]
    assert logs.steps["agent"].to_pylist() == [1, 0, 0, 0]


def test_several_agents_are_numbered_assistants_first(tmp_path):
    taken([written(tmp_path / "x.json", WHO_AND_WHEN)], tmp_path / "out")
    logs = read_logs(tmp_path / "out")
    names = ["Orchestrator", "WebSurfer", "human", "ComputerTerminal"]
    assert logs.agents["name"].to_pylist() == names
    assert logs.steps["agent"].to_pylist() == [2, 0, 0, 1, 3]


def test_a_run_without_a_name_is_called_by_its_content(tmp_path):
    record = {"messages": OPENAI["messages"]}
    taken([written(tmp_path / "x.jsonl", record)], tmp_path / "out")
    [name] = read_logs(tmp_path / "out").episodes["run"].to_pylist()
    assert len(name) == 16 and int(name, 16)


def test_the_same_logs_give_the_same_bytes_whatever_their_order_and_place(tmp_path):
    for number, folder in enumerate(("here", "there/deeper")):
        (tmp_path / folder).mkdir(parents=True)
        written(tmp_path / folder / "a.jsonl", other(1), other(2))
        written(tmp_path / folder / "b.json", TAU2_BENCH)
        paths = [tmp_path / folder / "a.jsonl", tmp_path / folder / "b.json"]
        taken(paths[:: 1 - 2 * number], tmp_path / f"out{number}")
    assert bytes_of(tmp_path / "out0") == bytes_of(tmp_path / "out1")
    assert str(tmp_path).encode() not in b"".join(bytes_of(tmp_path / "out0").values())


def test_every_format_in_one_folder(tmp_path):
    (tmp_path / "in").mkdir()
    contents = SAMPLES | {"plain": PLAIN}
    for name, content in contents.items():
        written(tmp_path / "in" / f"{name}.json", content)
    summary = taken([tmp_path / "in"], tmp_path / "out")
    assert summary.formats == dict.fromkeys(contents, 1)
    assert (summary.runs, summary.files, summary.steps, summary.decisions["assistant"]) == (8, 8, 33, 16)
    assert (summary.tools, summary.outcomes) == ({"get_order": 7, "open": 1}, [1.0] * 6)


def test_a_column_of_messages_in_parquet(tmp_path):
    rows = [{"messages": other(number)["messages"], "task": f"t{number}", "reward": number} for number in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    taken([tmp_path / "x.parquet"], tmp_path / "out")
    logs = read_logs(tmp_path / "out")
    assert [logs.episodes[name].to_pylist() for name in ("task", "outcome", "place")] == [
        ["t0", "t1"],
        [0.0, 1.0],
        ["row 1", "row 2"],
    ]
    assert logs.steps["kind"].to_pylist() == ["text", "tool_call", "tool_result", "finish"] * 2


def test_duplicates_are_left_out_and_counted_and_other_names_are_other_runs(tmp_path):
    path = written(tmp_path / "x.jsonl", OPENAI, OPENAI, OPENAI | {"id": "r2"}, OPENAI)
    shutil.copy(path, tmp_path / "y.jsonl")
    summary = taken([tmp_path], tmp_path / "out")
    assert (summary.runs, summary.duplicates) == (2, 6)
    assert "  6 duplicate runs left out" in summary.lines()


BAD_LINES = {
    "broken": (b'{"messages": [', "line 2: expected JSON, got: "),
    "utf-8": (b'{"messages": "\xff"}', "line 2: expected UTF-8, got the byte 0xff"),
    "surrogate": (
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        "line 2: expected text of valid Unicode, got half of a surrogate pair",
    ),
    "surrogate in a name": (b'{"id": "\\udfff", "messages": [{"role": "user", "content": "a"}]}', "valid Unicode"),
    "field": (b'{"messages": [{"content": "x"}]}', "line 2: messages[0]: role: expected text, found no such field"),
    "number": (b"3", "line 2: expected an object, got int"),
    "other format": (b'{"conversations": []}', "line 2: messages: expected a list, found no such field"),
    "empty": (b'{"messages": []}', "line 2: expected at least one message, got none"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_record_is_a_sentence_with_file_and_line_or_a_counted_skip(tmp_path, name):
    line, says = BAD_LINES[name]
    path = written(tmp_path / "x.jsonl", OPENAI)
    path.write_bytes(path.read_bytes() + line + b"\n" + json.dumps(other(1)).encode())
    with pytest.raises(DataError) as caught:
        taken([path], tmp_path / "out")
    assert str(caught.value).startswith(f"{path}, ") and says in str(caught.value)
    assert (str(caught.value).count(str(path)), str(caught.value).count("line 2")) == (1, 1)
    assert [each.name for each in tmp_path.iterdir()] == ["x.jsonl"]
    summary = taken([path], tmp_path / "out", skip_bad=True)
    assert (summary.runs, summary.num_skipped) == (2, 1)
    assert says in summary.skipped[0]
    assert "  1 bad records skipped" in summary.lines()


def test_a_file_that_is_no_log_is_refused_or_skipped(tmp_path):
    written(tmp_path / "a.json", {"train": ["0"], "test": ["1"]})
    written(tmp_path / "b.jsonl", OPENAI)
    with refused(DataError, f"{tmp_path / 'a.json'}, line 1: expected a log of one of the formats"):
        taken([tmp_path], tmp_path / "out")
    assert taken([tmp_path], tmp_path / "out", skip_bad=True).runs == 1


def test_the_runs_beside_a_bad_one_are_read_where_bad_ones_are_skipped(tmp_path):
    content = copy.deepcopy(TAU2_BENCH)
    content["simulations"].insert(0, {"task_id": "t1"})
    path = written(tmp_path / "x.json", content)
    with refused(DataError, f"{path}, line 1: simulations[0]: messages: expected a list, found no such field"):
        taken([path], tmp_path / "out")
    summary = taken([path], tmp_path / "out", skip_bad=True)
    assert (summary.runs, summary.num_skipped) == (1, 1)


def test_a_bad_span_is_a_sentence_with_its_line(tmp_path):
    spans = [OPENINFERENCE, copy.deepcopy(OPENINFERENCE) | {"context": {"trace_id": "r2", "span_id": "s9"}}]
    spans[1]["attributes"]["llm.input_messages.0.message.role"] = "critic"
    for bad, says in ((spans[1], "line 3: run r2: message 0: role"), ({"span_id": "x"}, "line 3: expected a span")):
        path = written(tmp_path / "x.jsonl", spans[0], bad)
        path.write_text(path.read_text().replace("\n", "\n\n", 1))
        with pytest.raises(DataError) as caught:
            taken([path], tmp_path / "out")
        assert str(caught.value).startswith(f"{path}, {says}")
        summary = taken([path], tmp_path / "out", skip_bad=True)
        assert (summary.runs, summary.num_skipped) == (1, 1)


def test_no_run_at_all_is_refused_and_says_why(tmp_path):
    path = written(tmp_path / "x.json", {"train": []})
    with refused(DataError, "expected at least one run, got none, but 1 bad records: ", "with train"):
        taken([path], tmp_path / "out", skip_bad=True)
    assert not (tmp_path / "out").exists()


def test_the_former_import_stays_where_a_new_one_fails(tmp_path):
    path = written(tmp_path / "x.jsonl", OPENAI)
    taken([path], tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    path.write_text("{")
    with refused(DataError, str(path)):
        taken([path], tmp_path / "out")
    assert bytes_of(tmp_path / "out") == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out", "x.jsonl"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    path = written(tmp_path / "x.jsonl", OPENAI)
    for target in (tmp_path, path):
        with refused(ParameterError, f"{target}: expected a new folder, or one of imported logs to replace"):
            taken([path], target)
    taken([path], tmp_path / "out")
    (tmp_path / "out/notes.txt").write_text("mine")
    with refused(ParameterError, "out: expected a new folder"):
        taken([path], tmp_path / "out")
    assert (tmp_path / "out/notes.txt").read_text() == "mine"


def test_a_sentence_about_a_log_does_not_steer_the_terminal(tmp_path):
    path = written(tmp_path / "x.jsonl", {"\x1b[31m\nred": 1})
    with refused(DataError, "got an object with \ufffd[31m red"):
        taken([path], tmp_path / "out")


def test_a_number_too_large_and_one_that_is_none_leave_no_trace_in_metadata(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(OPENAI | {"metadata": {"a": 0}}).replace('"a": 0', '"a": 1e999, "b": NaN, "c": 0.5'))
    taken([path], tmp_path / "out")
    [metadata] = read_logs(tmp_path / "out").episodes["metadata"].to_pylist()
    assert metadata == '{"a": null, "b": null, "c": 0.5}'


def test_a_format_that_is_asked_for_is_held_to(tmp_path):
    path = written(tmp_path / "x.jsonl", OPENAI)
    with refused(DataError, "line 1: conversations: expected a list, found no such field"):
        taken([path], tmp_path / "out", format="sharegpt")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=True) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["role", "content", "id", "name", "x"]), inner)
    ),
    max_leaves=4,
)
PLACES = st.lists(st.integers(0, 5), min_size=1, max_size=5)
ALL = SAMPLES | OTHERS


def damaged(content, places, value):
    """A copy in which the value at one place, found by going down, is another or gone."""
    content = copy.deepcopy(content)
    inner = content
    for depth, place in enumerate(places):
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        if not keys:
            break
        key = keys[place % len(keys)]
        if depth == len(places) - 1 or not isinstance(inner[key], dict | list):
            if value == "gone":
                del inner[key]
            else:
                inner[key] = value
            break
        inner = inner[key]
    return content


@given(st.sampled_from(list(ALL)), PLACES, VALUES | st.just("gone"))
@example("openai_chat", [0, 1, 2, 0], {"function": None})
@examples(150)
def test_whatever_is_done_to_a_record_it_is_read_or_refused_with_a_sentence(tmp_path_factory, name, places, value):
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "x.jsonl"
    path.write_text(json.dumps(damaged(ALL[name], places, value)) + "\n")
    try:
        taken([path], folder / "out", format=name)
    except DataError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).startswith(f"{path}")
        assert not (folder / "out").exists()
    else:
        assert read_logs(folder / "out").episodes.num_rows == 1
    shutil.rmtree(folder)


@given(st.binary(max_size=60))
@examples(50)
def test_whatever_a_file_holds_it_is_refused_with_a_sentence(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "x.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        taken([folder], folder / "out")
    assert len(str(caught.value).splitlines()) == 1
    shutil.rmtree(folder)
