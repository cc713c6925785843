"""The stage: paths and format from params.yaml, and data/logs."""

import pytest

from tests.builders import call_stage, refused
from tests.logs.samples import OPENAI, written
from understudy.errors import ParameterError
from understudy.logs.parquet import read_logs

PARAMS = "logs:\n  paths: [mine.jsonl]\n  format: auto\n  skip_bad: false\n"


def test_it_writes_data_logs_and_says_what_was_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "mine.jsonl", OPENAI)
    (tmp_path / "params.yaml").write_text(PARAMS)
    call_stage("import_logs")
    assert read_logs(tmp_path / "data/logs").episodes.num_rows == 1
    assert capsys.readouterr().out.startswith("1 runs of 1 files (1 openai_chat), 4 steps\n")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[mine.jsonl]", "[]"), "logs.paths"),
        (("auto", "xml"), "logs.format"),
        (("  skip_bad: false\n", ""), "logs.skip_bad"),
        (("skip_bad", "skip"), "logs.skip"),
    ],
)
def test_a_wrong_parameter_is_a_sentence(tmp_path, monkeypatch, change, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS.replace(*change))
    with refused(ParameterError, "params.yaml: ", says):
        call_stage("import_logs")
