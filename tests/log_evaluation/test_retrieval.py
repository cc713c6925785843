"""Replies are those of the records, and ranks those of a likeness that is known."""

import numpy as np
import pytest

from understudy.log_evaluation.retrieval import Replies, judge_retrieval, replies_in, retrieve
from understudy.logs.importing import import_logs
from understudy.logs.parquet import read_logs
from understudy.logs.toy import toy_records, write_toy_logs


def test_replies_are_the_assistants_texts_after_what_was_heard(tmp_path):
    write_toy_logs(tmp_path / "desk.jsonl", num_runs=8, num_tasks=8, error_rate=0.2, agent="desk", seed=1)
    import_logs([tmp_path / "desk.jsonl"], "auto", tmp_path / "out", False, shown=False)
    logs, expected, step = read_logs(tmp_path / "out"), [], 0
    for record in list(toy_records(num_runs=8, num_tasks=8, error_rate=0.2, agent="desk", seed=1))[2:]:
        for number, message in enumerate(record["messages"]):
            if message["role"] == "assistant":
                if message["content"]:
                    expected.append((step, message["content"], record["messages"][number - 1]["content"]))
                step += 1
    contents = logs.texts["content"].to_pylist()
    found = replies_in(logs, np.arange(2, 8))
    told = zip(found.steps.tolist(), found.said.tolist(), found.heard.tolist(), strict=True)
    assert [(step, contents[said], contents[heard]) for step, said, heard in told] == expected


REPLIES = Replies(np.arange(200), np.arange(200), np.arange(200))


def test_a_likeness_that_knows_finds_every_reply_and_one_that_knows_nothing_half_way_down():
    assert retrieve(REPLIES, lambda place, texts: texts == place, 0) == {"r_at_1": 1.0, "r_at_5": 1.0, "mrr": 1.0}
    assert retrieve(REPLIES, lambda place, texts: np.zeros(100), 0) == pytest.approx(
        {"r_at_1": 0, "r_at_5": 0, "mrr": 1 / 50.5}
    )


def test_a_likeness_by_chance_finds_one_of_a_hundred():
    generator = np.random.default_rng(0)
    many = Replies(*(np.arange(3000),) * 3)
    found = retrieve(many, lambda place, texts: generator.random(100), 0)
    assert found["r_at_1"] == pytest.approx(0.01, abs=0.006)
    assert found["r_at_5"] == pytest.approx(0.05, abs=0.012)
    assert found["mrr"] == pytest.approx((1 / np.arange(1, 101)).mean(), abs=0.01)


def test_ranks_count_those_above():
    # Of texts 0 to 9 those above a reply are those of greater numbers.
    ten = Replies(*(np.arange(10),) * 3)
    found = retrieve(ten, lambda place, texts: texts.astype(float), 0)
    assert (found["r_at_1"], found["r_at_5"]) == (0.1, 0.5)
    assert found["mrr"] == pytest.approx((1 / np.arange(1, 11)).mean())


def test_the_held_out_runs_choose_between_words_and_the_observation():
    generator = np.random.default_rng(0)
    vectors = np.linalg.qr(generator.normal(size=(24, 24)))[0].astype(np.float32)
    contents = [f"word{number} text" for number in range(24)]
    said = {split: generator.integers(0, 12, 60) for split in ("train", "validation", "test")}
    replies = {split: Replies(np.arange(60), each, np.full(60, 20)) for split, each in said.items()}
    told = {split: vectors[each] for split, each in said.items()}  # the observation is the reply's vector
    found = judge_retrieval(replies, told, vectors, contents, seed=0)
    assert found["tfidf"]["r_at_1"] < 0.3 and found["linear"]["r_at_1"] > 0.9
    assert found["both"]["weight"] > 0 and found["both"]["mrr"] > 0.9
