"""From logs to a judged policy, stage by stage, on the toy desk: what each stage leaves and says."""

import html
import os
from pathlib import Path

import numpy as np
import pytest

from tests.builders import call_stage, refused
from tests.logs.learned import POLICIES, learn, prepare, write_project
from understudy.errors import DataError, ParameterError
from understudy.log_evaluation.splits import read_splits
from understudy.params.load import load_sections
from understudy.params.sequences import SequenceParams
from understudy.rollouts.parquet import read_recording
from understudy.sequences.store import open_sequences
from understudy.utils.jsonfile import read_json

SCRIPT = "Thanks <script>alert(1)</script>"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder, before = tmp_path_factory.mktemp("project"), Path.cwd()
    write_project(folder)
    for path in (folder / "logs").iterdir():  # as a log that would do something to who reads of it
        text = path.read_text().replace('"find_customer"', '"find_customer<script>"')
        path.write_text(
            text.replace("Thank you, bye.", f"{SCRIPT} bye.").replace("Thanks, that is all.", f"{SCRIPT} all.")
        )
    os.chdir(folder)
    try:
        prepare()
        for policy in POLICIES:
            learn(policy)
        call_stage("evaluate_log_baselines")
        call_stage("compare_logs")
        call_stage("report_logs")
        yield folder
    finally:
        os.chdir(before)


def test_no_task_and_no_customer_of_the_test_is_learned_from(project):
    learned, tested = (read_json(project / "data" / name / "runs.json") for name in ("raw", "test"))
    assert set(learned["agent"]) == {"desk"} and set(tested["agent"]) == {"other"}
    assert not set(learned["group"]) & set(tested["group"])


def test_the_judges_splits_are_the_sequences(project):
    params = load_sections(project / "params.yaml", {"sequences": SequenceParams})["sequences"]
    splits = read_splits(project / "data/raw", project / "data/test", params)
    for name, times in (
        ("train", 2),
        ("validation", 1),
    ):  # of each training run there is one copy, which is not judged by
        sequences = open_sequences(project / "data/processed/sequences", name)
        recording, runs = splits[name]
        steps, episodes = len(runs.labels), len(runs.tasks)
        assert (sequences.num_steps, sequences.num_episodes) == (times * steps, times * episodes)
        assert (sequences.states[:steps] == recording.steps["observation"]).all()
        assert (sequences.labels[:steps] == runs.labels).all()
        assert (sequences.offsets[: episodes + 1] == runs.offsets).all()
    groups = np.asarray(read_json(project / "data/raw/runs.json")["group"])
    folder = project / "data/processed/sequences"
    members = [open_sequences(folder, name).steps.episodes["episode"] for name in ("train", "validation")]
    assert not set(groups[members[0]]) & set(groups[members[1]])


def test_the_rule_is_learned_and_beats_counting(project):
    summary = read_json(project / "metrics/summary.json")
    assert set(summary) == {
        "majority",
        "bigram",
        "four_gram",
        "neighbours",
        "logistic",
        "run_length",
        "history",
        *POLICIES,
    }
    for name in POLICIES:
        assert summary[name]["accuracy"] > 0.85 > summary["bigram"]["accuracy"]
        assert summary[name]["tool_accuracy_ci_low"] > summary["bigram"]["tool_accuracy_ci_high"]
        assert summary[name]["calibration_error"] < 0.15
    assert summary["decoder"]["decisions"] == len(read_recording(project / "data/test").steps["action"])
    assert (project / "metrics/results.md").read_text().count("\n") == 2 + len(summary)
    assert (project / "metrics/figures/results.png").is_file()


def test_success_is_told_of_by_whom_it_is_told(project):
    lines = (project / "metrics/success.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        f"| {name}" for name in ("history", "logistic", "run_length", *POLICIES)
    ]


def test_the_report_shows_what_was_looked_at_and_no_html_of_a_log(project):
    text = (project / "metrics/report.html").read_text()
    assert "attention of decoder: run other-" in text and "find_customer&lt;script&gt;" in text
    assert html.escape(SCRIPT) in text and "<script" not in text
    assert "attention of mlp" not in text
    counts = read_json(project / "metrics/behaviour.json")
    assert counts["learned from"]["runs"] + counts["test"]["runs"] < 160 and counts["test"]["loops"] == 0
    assert counts["learned from"]["run_pairs"] > 0 and 0.5 < counts["learned from"]["run_agreement"] < 1
    assert sorted(path.name for path in (project / "metrics/attention").iterdir()) == [
        "decoder.png",
        "hierarchical.png",
    ]


def test_replies_are_not_looked_for_where_choices_are_predicted(project):
    with refused(ParameterError, "decisions.predicts: expected reply, got choice"):
        call_stage("evaluate_log_retrieval")


def test_the_same_again_is_the_same_to_the_byte(project):
    files = [
        project / "data/embeddings/embedder.safetensors",
        project / "data/raw/steps.parquet",
        project / "metrics/summary.json",
        project / "metrics/report.html",
        project / "metrics/attention/decoder.png",
    ]
    before = [file.read_bytes() for file in files]
    for stage in ("embed_texts", "record_logs", "evaluate_log_baselines", "compare_logs", "report_logs"):
        call_stage(stage)
    assert [file.read_bytes() for file in files] == before


def test_a_policy_that_learned_from_something_else_is_not_judged(project):
    columns = project / "data/columns/mlp.json"
    text = columns.read_text()
    try:
        columns.write_text(text.replace('"sequences": "', '"sequences": "0'))
        with refused(DataError, "models/mlp/seed_0: expected a policy that learned from data/processed/sequences"):
            call_stage("evaluate_log", policy="mlp", seed=0)
    finally:
        columns.write_text(text)
