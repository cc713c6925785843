"""Checkpoints: found again by the same work alone, and read back exactly."""

import importlib.metadata
import sys
import types

import pytest
import torch

from understudy.utils import checkpoint
from understudy.utils.checkpoint import checkpoint_folder, load_state, remove_checkpoints, save_state


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_same_work_finds_the_same_folder():
    first = checkpoint_folder("train_policy@mlp", {"seed": 0}, {"sequences": "a"})
    save_state(first / "run", {"weights": torch.ones(2)}, {})
    assert first == checkpoint_folder("train_policy@mlp", {"seed": 0}, {"sequences": "a"})
    assert (first / "run").exists()
    assert first.parts[:2] == (".checkpoints", "train_policy@mlp")


def test_the_order_of_parameters_is_none_of_the_work():
    params = {"seed": 0, "steps": {"first": 1, "second": 2}}
    backwards = {"steps": {"second": 2, "first": 1}, "seed": 0}
    assert checkpoint_folder("stage", params, {}) == checkpoint_folder("stage", backwards, {})


@pytest.mark.parametrize(("params", "inputs"), [({"seed": 1}, {"sequences": "a"}), ({"seed": 0}, {"sequences": "b"})])
def test_other_parameters_or_inputs_are_other_work(params, inputs):
    assert checkpoint_folder("stage", params, inputs) != checkpoint_folder("stage", {"seed": 0}, {"sequences": "a"})


@pytest.mark.parametrize("name", ["understudy.planted", "__main__"])
def test_other_code_is_other_work(tmp_path, monkeypatch, name):
    """That of the package, and that of the stage program itself."""
    before = checkpoint_folder("stage", {}, {})
    module = types.ModuleType(name)
    module.__file__ = str(tmp_path / "planted.py")
    monkeypatch.setitem(sys.modules, name, module)
    (tmp_path / "planted.py").write_text("a = 1\n")
    planted = checkpoint_folder("stage", {}, {})
    (tmp_path / "planted.py").write_text("a = 2\n")
    assert len({before, planted, checkpoint_folder("stage", {}, {})}) == 3


@pytest.mark.parametrize("path", ["pipeline/run.py", "custom/mine.py", "custom/deep/mine.py"])
def test_another_launcher_or_code_of_the_users_own_is_other_work(tmp_path, monkeypatch, path):
    """Also where it has not been imported yet: a demonstrator of one's own is, in the processes that record."""
    program = types.ModuleType("__main__")
    program.__file__ = str(tmp_path / "pipeline/record.py")
    monkeypatch.setitem(sys.modules, "__main__", program)
    folders = [checkpoint_folder("stage", {}, {})]
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    for text in ("a = 1\n", "a = 2\n"):
        (tmp_path / path).write_text(text)
        folders.append(checkpoint_folder("stage", {}, {}))
    assert len(set(folders)) == 3


@pytest.mark.parametrize("library", ["gymnasium", "numpy", "pyarrow", "stable-baselines3", "torch"])
def test_another_library_is_other_work(monkeypatch, library):
    before, version = checkpoint_folder("stage", {}, {}), importlib.metadata.version
    monkeypatch.setattr(
        checkpoint.importlib.metadata, "version", lambda name: "0" if name == library else version(name)
    )
    assert checkpoint_folder("stage", {}, {}) != before


def test_earlier_work_of_the_stage_is_deleted_and_that_of_other_stages_stays():
    old, other = checkpoint_folder("stage", {"seed": 0}, {}), checkpoint_folder("other", {"seed": 0}, {})
    for folder in (old, other):
        save_state(folder / "run", {"weights": torch.ones(2)}, {})
    checkpoint_folder("stage", {"seed": 1}, {})
    assert not old.exists()
    assert (other / "run").exists()


def test_a_finished_stage_leaves_no_checkpoint():
    folder = checkpoint_folder("stage", {}, {})
    save_state(folder / "run", {"weights": torch.ones(2)}, {})
    remove_checkpoints("stage")
    assert not folder.parent.exists()


def test_tensors_and_numbers_come_back_exactly(tmp_path):
    tensors = {
        "weights": torch.randn(3, 2, generator=torch.Generator().manual_seed(0)),
        "state": torch.arange(4).byte(),
    }
    save_state(tmp_path / "run", tensors, {"loss": 0.1 + 0.2, "curve": [[1, 1e-300]]})
    found, content = load_state(tmp_path / "run")
    assert content == {"loss": 0.1 + 0.2, "curve": [[1, 1e-300]]}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_nothing_saved_is_nothing_to_resume(tmp_path):
    assert load_state(tmp_path / "run") is None
