"""Outputs are whole or not there: the block is left by an error, by an interruption, and as it should be."""

import errno
import os
from contextlib import suppress

import pytest

from understudy.utils import atomic
from understudy.utils.atomic import replace_file, replace_folder

LEAVING = [RuntimeError, KeyboardInterrupt, SystemExit]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def old_folder(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old.txt").write_text("old")
    return target


@pytest.fixture
def old_file(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    return target


def test_a_folder_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "out"
    with replace_folder(target) as unfinished:
        (unfinished / "new.txt").write_text("new")
        assert not target.exists()
    assert (target / "new.txt").read_text() == "new"
    assert names(tmp_path / "deep") == ["out"]


def test_a_folder_takes_the_place_of_the_old_one(tmp_path, old_folder):
    with replace_folder(old_folder) as unfinished:
        (unfinished / "new.txt").write_text("new")
        assert names(old_folder) == ["old.txt"]
    assert names(old_folder) == ["new.txt"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("kind", LEAVING)
def test_after_an_error_the_old_folder_is_as_it_was(tmp_path, old_folder, kind):
    with pytest.raises(kind), replace_folder(old_folder) as unfinished:
        (unfinished / "half.txt").write_text("half")
        raise kind
    assert names(tmp_path) == ["out"]
    assert names(old_folder) == ["old.txt"]


@pytest.mark.parametrize("kind", LEAVING)
def test_after_an_error_no_folder_appears(tmp_path, kind):
    with pytest.raises(kind), replace_folder(tmp_path / "out") as unfinished:
        (unfinished / "half.txt").write_text("half")
        raise kind
    assert names(tmp_path) == []


def test_what_a_killed_program_left_is_not_taken_over(tmp_path):
    with pytest.raises(RuntimeError), replace_folder(tmp_path / "out") as unfinished:
        place = unfinished
        raise RuntimeError
    place.mkdir()
    (place / "half.txt").write_text("half")
    with replace_folder(tmp_path / "out") as unfinished:
        (unfinished / "new.txt").write_text("new")
    assert names(tmp_path / "out") == ["new.txt"]


def test_the_former_folder_that_a_killed_program_left_does_not_stand_in_the_way(tmp_path, old_folder):
    former = tmp_path / ".out.former"
    former.mkdir()
    (former / "older.txt").write_text("older")
    with replace_folder(old_folder) as unfinished:
        (unfinished / "new.txt").write_text("new")
    assert names(old_folder) == ["new.txt"]
    assert names(tmp_path) == ["out"]


def test_a_former_folder_that_nothing_has_replaced_comes_back(tmp_path):
    """Of a program that was killed between the two renamings; the next one fails."""
    former = tmp_path / ".out.former"
    former.mkdir()
    (former / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), replace_folder(tmp_path / "out"):
        raise RuntimeError
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["old.txt"]


@pytest.mark.parametrize("replace", [replace_folder, replace_file])
def test_an_error_of_the_system_names_the_output(tmp_path, replace):
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught, replace(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "some library's words", "some/file/within")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "out"))


@pytest.mark.parametrize("replace", [replace_folder, replace_file])
def test_an_error_that_is_not_of_the_system_keeps_its_words(tmp_path, replace):
    with pytest.raises(OSError, match=r"^some library's words$"), replace(tmp_path / "out"):
        raise OSError("some library's words")


def interrupt_after(number: int, monkeypatch) -> None:
    """Raise KeyboardInterrupt once, after the `number`th call that removes a folder or renames."""
    calls = []

    def interrupted(work):
        def call(*arguments, **named):
            work(*arguments, **named)
            calls.append(work)
            if len(calls) == number:
                raise KeyboardInterrupt

        return call

    for module, name in ((atomic.shutil, "rmtree"), (atomic.os, "replace"), (atomic.os, "rename")):
        monkeypatch.setattr(module, name, interrupted(getattr(module, name)))


def test_an_interruption_while_folders_change_places_loses_nothing(tmp_path, monkeypatch):
    for number in range(1, 9):
        target = tmp_path / str(number)
        target.mkdir()
        (target / "old.txt").write_text("old")
        with monkeypatch.context() as patch, suppress(KeyboardInterrupt), replace_folder(target) as unfinished:
            (unfinished / "new.txt").write_text("new")
            interrupt_after(number, patch)
        assert names(target) in (["old.txt"], ["new.txt"])


def test_a_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "out.txt"
    with replace_file(target) as unfinished:
        unfinished.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(tmp_path / "deep") == ["out.txt"]


def test_a_file_takes_the_place_of_the_old_one(tmp_path, old_file):
    with replace_file(old_file) as unfinished:
        unfinished.write_text("new")
        assert old_file.read_text() == "old"
    assert old_file.read_text() == "new"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("kind", LEAVING)
def test_after_an_error_the_old_file_is_as_it_was(tmp_path, old_file, kind):
    with pytest.raises(kind), replace_file(old_file) as unfinished:
        unfinished.write_text("half")
        raise kind
    assert old_file.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("kind", LEAVING)
def test_an_error_before_anything_was_written_is_the_one_that_is_told(tmp_path, kind):
    with pytest.raises(kind), replace_file(tmp_path / "out.txt"):
        raise kind
    assert names(tmp_path) == []
