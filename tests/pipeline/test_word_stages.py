"""From games of Wordle to a policy that spells words, stage by stage."""

import numpy as np
import pytest

from tests.builders import call_stage, refused
from tests.tasks.project import PARAMS
from understudy.errors import DataError
from understudy.rollouts.parquet import read_recording
from understudy.utils.jsonfile import read_json, write_json


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def test_a_decoder_learns_the_next_token(project, capsys):
    call_stage("record_words")
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in said] == [
        "random: 30 games",
        "consistent 0.5: 100 games",
        "greedy_entropy: 70 games",
    ]
    recording = read_recording(project / "data/raw")
    assert recording.episodes["seed"].tolist() == list(range(500, 700))
    assert np.bincount(recording.episodes["player"]).tolist() == [30, 100, 70]
    call_stage("build_sequences")
    write_json(project / "data/code/select_columns.json", {"reads": {"decoder": ["action", "label", "observation"]}})
    call_stage("train_policy", policy="decoder", seed=0)
    accuracy = read_json(project / "models/decoder/seed_0/held_out.json")
    assert accuracy["action_accuracy"] > 0.7  # two letters of three are told by the first, of which there are six


def test_the_same_again_is_the_same_to_the_byte_and_nothing_of_others_is_overwritten(project):
    call_stage("record_words")
    before = (project / "data/raw/steps.parquet").read_bytes()
    call_stage("record_words")
    assert (project / "data/raw/steps.parquet").read_bytes() == before
    (project / "data/raw/mine.txt").write_text("mine")
    with refused(DataError, "data/raw: expected nothing", "mine.txt"):
        call_stage("record_words")
