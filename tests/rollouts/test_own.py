"""A stage replaces its own recordings and nothing else."""

import pytest

from tests.builders import random_episodes, refused
from tests.toys import CHOICES
from understudy.errors import DataError
from understudy.rollouts.own import check_own
from understudy.rollouts.parquet import write_recording


@pytest.mark.parametrize("made", [False, True])
def test_nothing_is_nobody_s(tmp_path, made):
    if made:
        (tmp_path / "raw").mkdir()
    check_own(tmp_path / "raw", "expert")


def test_what_the_stage_wrote_is_its_own(tmp_path):
    write_recording(tmp_path, CHOICES, "expert", random_episodes(CHOICES, [2]))
    check_own(tmp_path, "expert")


def test_another_s_recording_is_not(tmp_path):
    write_recording(tmp_path, CHOICES, "anna", random_episodes(CHOICES, [2]))
    with refused(
        DataError, f"{tmp_path}: expected nothing, or what this stage has written before, got a recording of anna"
    ):
        check_own(tmp_path, "expert")


@pytest.mark.parametrize(
    ("name", "says"),
    [("notes.txt", "got a file notes.txt"), ("steps.parquet", "got a recording of an unknown demonstrator")],
)
def test_other_files_are_not(tmp_path, name, says):
    (tmp_path / name).write_text("mine")
    with refused(DataError, says):
        check_own(tmp_path, "expert")
