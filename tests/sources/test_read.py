"""Files of each format become the episodes that they hold; round trips lose nothing; the peers' own readers agree."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import minari
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import understudy
from tests.builders import random_episodes, refused
from understudy.episode import UNKNOWN_SEED, Episode
from understudy.errors import DataError, ParameterError
from understudy.params.demonstrations import DemonstrationParams
from understudy.rollouts.parquet import open_recording
from understudy.sources.export import export
from understudy.sources.read import read_demonstrations

CART_POLE = understudy.read_environment("CartPole-v1")
PENDULUM = understudy.read_environment("Pendulum-v1")
SPECS = pytest.mark.parametrize("spec", [CART_POLE, PENDULUM], ids=["choices", "vectors"])
ROOT = Path(__file__).parents[2]


def episodes_of(spec) -> list[Episode]:
    return random_episodes(spec, [3, 1, 5])


@pytest.fixture
def recording(tmp_path):
    def written(spec):
        understudy.write_recording(tmp_path / "recording", spec, episodes_of(spec), "me")
        return open_recording(tmp_path / "recording")

    return written


def read(path, kind: str, spec=CART_POLE, **columns) -> list[Episode]:
    params = DemonstrationParams.model_validate({"path": str(path), "format": kind, "columns": columns or None})
    return list(read_demonstrations(params, spec))


def assert_same(got: list[Episode], expected: list[Episode], *leave_out: str) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        for name in {"seed", "observations", "rewards", "final_observation", "terminated", "truncated"} - {*leave_out}:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        np.testing.assert_array_equal(one.actions, other.actions)


@SPECS
def test_npz_there_and_back_loses_nothing(tmp_path, recording, spec):
    assert export(recording(spec), str(tmp_path / "demos.npz"), "npz") == 3
    assert_same(read(tmp_path / "demos.npz", "npz", spec), episodes_of(spec))


@SPECS
def test_minari_there_and_back_loses_nothing_and_minari_reads_it(tmp_path, monkeypatch, recording, spec):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    assert export(recording(spec), "mine/demos-v0", "minari") == 3
    for name in ("mine/demos-v0", tmp_path / "minari/mine/demos-v0"):
        assert_same(read(name, "minari", spec), episodes_of(spec))
    theirs = list(minari.load_dataset("mine/demos-v0").iterate_episodes())
    for one, other in zip(theirs, episodes_of(spec), strict=True):
        np.testing.assert_array_equal(one.observations[:-1], other.observations)
        np.testing.assert_array_equal(one.observations[-1], other.final_observation)
        np.testing.assert_array_equal(one.actions, other.actions)
        assert (one.terminations[-1], one.truncations[-1]) == (other.terminated, other.truncated)
    with refused(ParameterError, "--to: expected the id of a new dataset of Minari, got 'mine/demos-v0'"):
        export(open_recording(tmp_path / "recording"), "mine/demos-v0", "minari")


@SPECS
def test_d3rlpy_keeps_what_it_has_room_for(tmp_path, recording, spec):
    assert export(recording(spec), str(tmp_path / "demos.h5"), "d3rlpy") == 3
    got = read(tmp_path / "demos.h5", "d3rlpy", spec)
    assert_same(got, episodes_of(spec), "seed", "final_observation", "truncated")
    assert [episode.seed for episode in got] == [UNKNOWN_SEED] * 3
    assert [episode.truncated for episode in got] == [not episode.terminated for episode in got]


READ_BY_D3RLPY = """
import json, sys
from d3rlpy.dataset import Episode
from d3rlpy.dataset.io import load
with open(sys.argv[1], "rb") as file:
    episodes = load(Episode, file)
rows = [[e.observations.tolist(), e.actions.tolist(), e.rewards.ravel().tolist(), bool(e.terminated)] for e in episodes]
print(json.dumps(rows))
"""


@SPECS
def test_d3rlpy_s_own_reader_reads_it(tmp_path, recording, spec):
    python = ROOT / "benchmarks/.venv/bin/python"
    if not python.exists():
        pytest.skip("d3rlpy is not installed: `make benchmarks/.venv/installed`")
    export(recording(spec), str(tmp_path / "demos.h5"), "d3rlpy")
    command = [python, "-c", READ_BY_D3RLPY, str(tmp_path / "demos.h5")]
    read_back = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    for (observations, actions, rewards, terminated), episode in zip(read_back, episodes_of(spec), strict=True):
        np.testing.assert_array_equal(observations, episode.observations)
        np.testing.assert_array_equal(np.reshape(actions, episode.actions.shape), episode.actions)
        np.testing.assert_allclose(rewards, episode.rewards, rtol=1e-7)
        assert terminated == episode.terminated


def arrays(**changes) -> dict[str, np.ndarray]:
    """Two episodes of two and three steps, the first terminated, the second cut off."""
    content = {
        "observations": np.arange(20.0).reshape(5, 4),
        "actions": np.asarray([0, 1, 1, 0, 1]),
        "rewards": np.ones(5),
        "terminals": np.asarray([0, 1, 0, 0, 0]),
        "timeouts": np.asarray([0, 0, 0, 0, 1]),
    } | changes
    return {name: array for name, array in content.items() if array is not None}


def write_hdf5(path, content) -> None:
    with h5py.File(path, "w") as file:
        for name, array in content.items():
            file[name] = array


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_d4rl_s_layout(tmp_path, kind):
    path = tmp_path / f"demos.{kind}"
    np.savez(path.with_suffix(".npz"), **arrays()) if kind == "npz" else write_hdf5(path, arrays())
    first, second = read(path, kind)
    assert (first.length, first.terminated, first.truncated, first.seed) == (2, True, False, UNKNOWN_SEED)
    assert (second.length, second.terminated, second.truncated) == (3, False, True)
    np.testing.assert_array_equal(second.observations, arrays()["observations"][2:])


def test_steps_after_the_last_end_are_an_episode_that_was_cut_off(tmp_path):
    np.savez(tmp_path / "demos.npz", **arrays(timeouts=None))
    assert [(each.length, each.terminated, each.truncated) for each in read(tmp_path / "demos.npz", "npz")] == [
        (2, True, False),
        (3, False, True),
    ]


def test_a_folder_of_npz_files_is_read_by_name(tmp_path):
    for name, reward in (("b", 2.0), ("a", 1.0)):
        np.savez(tmp_path / f"{name}.npz", **arrays(rewards=np.full(5, reward)))
    assert [episode.total_return for episode in read(tmp_path, "npz")] == [2, 3, 4, 6]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"rewards": None},
            "demos.npz: expected the arrays observations, actions, rewards, terminals, got none called rewards",
        ),
        ({"rewards": np.ones(4)}, "demos.npz: expected arrays of one length"),
        (
            {"actions": np.asarray([0, 1, 2, 0, 1])},
            "npz: episode 1: actions: expected choices from 0 to 1, got 2 at step 0",
        ),
        ({"observations": np.zeros((5, 8))}, "expected vectors of 4 entries, as CartPole-v1 has, got the shape (8,)"),
        ({"seeds": np.arange(3)}, "seeds: expected one an episode, 2, got 3"),
        (
            {"observations": np.asarray([{}] * 5, dtype=object)},
            "expected a file of NumPy's savez, got one that cannot be read",
        ),
    ],
)
def test_what_is_wrong_with_arrays_is_said(tmp_path, changes, says):
    np.savez(tmp_path / "demos.npz", **arrays(**changes))
    with refused(DataError, says):
        read(tmp_path / "demos.npz", "npz")


TABLE = {
    "trial": ["x", "x", "y"],
    "see": [[0.0, 1, 2, 3], [1.0, 1, 2, 3], [2.0, 1, 2, 3]],
    "push": [0, 1, 1],
    "gain": [1.0, 2.0, 3.0],
    "fell": [False, True, False],
    **{f"s{entry}": [float(entry)] * 3 for entry in range(4)},
}
NAMES = {"episode": "trial", "observation": "see", "action": "push"}


def test_a_table_of_one_s_own(tmp_path):
    pq.write_table(pa.table(TABLE), tmp_path / "demos.parquet")
    first, second = read(tmp_path / "demos.parquet", "parquet", reward="gain", terminated="fell", **NAMES)
    assert (first.total_return, first.terminated, first.truncated, first.length) == (3.0, True, False, 2)
    assert (second.terminated, second.truncated, second.actions.tolist()) == (False, True, [1])
    several = NAMES | {"observation": ["s3", "s0", "s1", "s2"]}
    assert read(tmp_path, "parquet", **several)[0].observations.tolist() == [[3, 0, 1, 2]] * 2


@pytest.mark.parametrize(
    ("change", "names", "says"),
    [
        ({}, {}, "demonstrations.columns: expected the names of the columns"),
        ({}, NAMES | {"reward": "pay"}, "expected a column 'pay', got trial, see, push"),
        ({"trial": ["x", "y", "x"]}, NAMES, "column trial: expected the rows of an episode beside each other"),
        ({"push": [0, None, 1]}, NAMES, "column push: expected a value in each row, got null"),
        ({"see": [[0.0], [1.0, 2.0], [1.0]]}, NAMES, "column see: expected lists of one length, got others"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, change, names, says):
    pq.write_table(pa.table(TABLE | change), tmp_path / "demos.parquet")
    with refused(DataError if names else ParameterError, says):
        read(tmp_path / "demos.parquet", "parquet", **names)


def test_lerobot_s_layout(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text("{}")
    (tmp_path / "data/chunk-000").mkdir(parents=True)
    rows = {
        "observation.state": [[2.0, 0, 0], [1.0, 0, 0], [5.0, 0, 0]],
        "action": [[0.5], [-0.5], [2.0]],
        "frame_index": [1, 0, 0],
        "episode_index": [0, 0, 1],
        "next.reward": [1.0, 0.0, 7.0],
        "next.success": [True, False, False],
    }
    pq.write_table(pa.table(rows), tmp_path / "data/chunk-000/file-000.parquet")
    first, second = read(tmp_path, "lerobot", PENDULUM)
    assert (first.observations[:, 0].tolist(), first.actions.tolist(), first.rewards.tolist()) == (
        [1, 2],
        [[-0.5], [0.5]],
        [0, 1],
    )
    assert (first.terminated, second.terminated, second.truncated) == (True, False, True)


def test_a_recording_of_this_project(tmp_path, recording):
    recording(CART_POLE)
    assert_same(read(tmp_path / "recording", "recording"), episodes_of(CART_POLE))
    with refused(DataError, "recording: expected a policy for Pendulum-v1 with {}, got one for CartPole-v1 with {}"):
        read(tmp_path / "recording", "recording", PENDULUM)


@pytest.mark.parametrize("kind", ["npz", "hdf5", "minari", "d3rlpy", "parquet", "lerobot", "recording"])
def test_what_is_not_there_is_a_sentence(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with refused(DataError, str(tmp_path / "nowhere")):
        read(tmp_path / "nowhere", kind, **(NAMES if kind == "parquet" else {}))


@pytest.mark.parametrize("kind", ["npz", "hdf5", "d3rlpy", "parquet"])
def test_another_file_is_a_sentence(tmp_path, kind):
    (tmp_path / "file").write_text("no data")
    with refused(DataError, f"{tmp_path}/file: expected a"):
        read(tmp_path / "file", kind, **(NAMES if kind == "parquet" else {}))


@pytest.mark.parametrize(("kind", "module"), [("hdf5", "h5py"), ("minari", "minari"), ("d3rlpy", "h5py")])
def test_a_library_that_is_not_installed_is_named_with_what_installs_it(tmp_path, monkeypatch, kind, module):
    monkeypatch.setitem(sys.modules, module, None)
    extra = "minari" if module == "minari" else "hdf5"
    with refused(
        ParameterError, f"need {module}, which is not installed; `pip install 'understudy[{extra}]'` installs it"
    ):
        read(tmp_path, kind)


def test_nothing_is_overwritten(tmp_path, recording):
    reader = recording(CART_POLE)
    (tmp_path / "there.npz").write_text("mine")
    for kind in ("npz", "d3rlpy"):
        with refused(ParameterError, "--to: expected a file that does not exist yet, got", "there.npz"):
            export(reader, str(tmp_path / "there.npz"), kind)
    with refused(ParameterError, "expected a folder that does not exist yet, since nothing is overwritten"):
        understudy.write_recording(tmp_path / "recording", CART_POLE, episodes_of(CART_POLE))


def test_episodes_that_break_a_promise_leave_no_recording(tmp_path):
    with refused(DataError, "column seed, row 1: expected a seed that no episode before it has"):
        understudy.write_recording(tmp_path / "new", CART_POLE, 2 * episodes_of(CART_POLE)[:1])
    assert not (tmp_path / "new").exists()
