"""Recording with several processes: CartPole, a random actor, a dozen seeds in blocks of five."""

import multiprocessing
import os
import select
import shutil
import signal
import tempfile
import time
import tracemalloc
import weakref
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from tests.builders import (
    CHOICES,
    VECTORS,
    assert_same_episode,
    random_episode,
    random_episodes,
    refused,
    written_recording,
)
from tests.toys import ConstantActor, CountingActor, CountingEnvironment
from understudy.demonstrators.random import RandomActor
from understudy.environments.make import read_spec
from understudy.errors import DataError
from understudy.params.environment import EnvironmentParams
from understudy.rollouts import parquet
from understudy.rollouts import record as record_module
from understudy.rollouts.parquet import write_recording
from understudy.rollouts.record import Plan, ReturnFilter, record


def record_anew(plan, seeds, **options):
    """Record with no block finished before."""
    with (
        tempfile.TemporaryDirectory() as folder,
        record(plan, seeds, blocks_folder=Path(folder), **options) as episodes,
    ):
        return list(episodes)


SEEDS = range(40, 52)
ONE_WORKER = {"block_size": 4, "workers": 1, "title": "test"}


def broken_actor():
    raise DataError("this actor cannot be made")


class PatientActor(ConstantActor):
    """Plays episodes of seed 5 and above when there is a file at `path`, or fails after a while."""

    def __init__(self, path: Path) -> None:
        super().__init__(0)
        self.path = path

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        given_up = time.monotonic() + 20
        while (seeds >= 5).any() and not self.path.exists():
            if time.monotonic() > given_up:
                raise DataError("nobody has seen the first episodes")
            time.sleep(0.01)


class MeetingActor(ConstantActor):
    """Plays seed 0 and seed 4 when the other one has begun as well, or fails after a while."""

    def __init__(self, folder: Path) -> None:
        super().__init__(0)
        self.folder = folder

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        given_up = time.monotonic() + 20
        (self.folder / f"begun_{seeds[0]}").touch()
        while not ((self.folder / "begun_0").exists() and (self.folder / "begun_4").exists()):
            if time.monotonic() > given_up:
                raise DataError("nobody plays beside me")
            time.sleep(0.01)


class EndlessActor(ConstantActor):
    """Says through a pipe that it plays, and does not end."""

    def __init__(self, pipe: int) -> None:
        super().__init__(0)
        self.pipe = pipe

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        os.write(self.pipe, b"playing")
        time.sleep(600)


class InterruptedActor(ConstantActor):
    """Ctrl-C reaches its process as it reaches all of a terminal."""

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        os.kill(os.getpid(), signal.SIGINT)


class FailingActor(ConstantActor):
    """Takes its time with seed 0, and fails at seed 4."""

    def reset(self, rows: np.ndarray, seeds: np.ndarray) -> None:
        if 4 in seeds:
            raise DataError("cannot play seed 4")
        time.sleep(1.0 if 0 in seeds else 0.0)


@pytest.fixture(scope="module")
def plan() -> Plan:
    spec = read_spec(EnvironmentParams(id="CartPole-v1", kwargs={}))
    return Plan(spec, partial(RandomActor, spec), noise=0.3)


@pytest.fixture
def toy_plan(tmp_path, monkeypatch) -> Plan:
    """For a toy environment that notes in the file `log` who makes and who closes it; workers inherit it, as they are forked."""

    def note(event: str) -> None:
        with (tmp_path / "log").open("a") as log:
            print(event, os.getpid(), file=log)

    class Toy(CountingEnvironment):
        def __init__(self, render_mode=None) -> None:
            super().__init__()
            note("made")

        def close(self) -> None:
            note("closed")

    monkeypatch.setitem(gymnasium.registry, "Toy-v0", EnvSpec("Toy-v0", entry_point=Toy))
    return Plan(replace(CHOICES, components=("seed", "step"), num_actions=5), CountingActor)


def logged(tmp_path: Path) -> list[tuple[str, int]]:
    lines = map(str.split, (tmp_path / "log").read_text().splitlines())
    return [(event, int(process)) for event, process in lines]


@pytest.fixture(scope="module")
def episodes(plan):
    return record_anew(plan, SEEDS, block_size=5, workers=1, title="test")


def test_every_seed_is_played_once_and_in_order(episodes):
    assert [episode.seed for episode in episodes] == list(SEEDS)


def test_two_workers_record_the_same_episodes(plan, episodes):
    for got, expected in zip(record_anew(plan, SEEDS, block_size=5, workers=2, title="test"), episodes, strict=True):
        assert_same_episode(got, expected)


def test_more_workers_than_blocks_record_the_same_episodes(plan, episodes):
    got = record_anew(plan, SEEDS[:3], block_size=5, workers=2, title="test")
    for episode, expected in zip(got, episodes, strict=False):
        assert_same_episode(episode, expected)
    assert len(got) == 3


def test_noise_derives_from_the_seed_alone(plan, episodes):
    backwards = record_anew(plan, list(reversed(SEEDS)), block_size=4, workers=1, title="test")
    for got, expected in zip(reversed(backwards), episodes, strict=True):
        assert_same_episode(got, expected)


def test_noise_executes_another_action_than_the_demonstrated_one(episodes):
    # A random choice of two differs half of the time: 0.15 of the steps, give or take four standard deviations.
    changed = np.concatenate([episode.actions != episode.demonstrated_actions for episode in episodes])
    assert abs(changed.mean() - 0.15) < 4 * np.sqrt(0.15 * 0.85 / len(changed))


def test_without_noise_the_demonstrated_action_is_executed(plan):
    for episode in record_anew(replace(plan, noise=0.0), SEEDS[:3], block_size=5, workers=1, title="test"):
        np.testing.assert_array_equal(episode.actions, episode.demonstrated_actions)


def test_a_demonstrator_beside_the_actor_says_what_it_would_have_done(plan):
    aside = replace(
        plan, actor=partial(RandomActor, replace(plan.actor.args[0], num_actions=1, action_names=())), noise=0.0
    )
    aside = replace(aside, demonstrator=plan.actor)
    alone = record_anew(replace(plan, noise=0.0), SEEDS[:3], block_size=5, workers=1, title="test")
    for episode, other in zip(record_anew(aside, SEEDS[:3], block_size=5, workers=1, title="test"), alone, strict=True):
        shared = min(episode.length, other.length)
        assert (episode.actions == 0).all()
        np.testing.assert_array_equal(episode.demonstrated_actions[:shared], other.actions[:shared])


def test_kwargs_reach_the_environment(plan):
    short = replace(plan, spec=replace(plan.spec, kwargs={"max_episode_steps": 3}))
    assert {episode.length for episode in record_anew(short, SEEDS, block_size=5, workers=1, title="test")} == {3}


def test_two_workers_play_at_the_same_time(plan, tmp_path):
    meeting = replace(plan, actor=partial(MeetingActor, tmp_path))
    assert len(record_anew(meeting, range(8), **ONE_WORKER | {"workers": 2})) == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bar_counts_the_episodes_and_those_of_finished_blocks(plan, capsys, tmp_path, workers):
    for _ in range(2):
        with record(plan, SEEDS, block_size=5, workers=workers, title="my title", blocks_folder=tmp_path) as episodes:
            list(episodes)
        said = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()
        assert said[-1].startswith("my title: 100%")
        assert " 12/12 " in said[-1]
        shutil.rmtree(tmp_path / "block_5")


@pytest.mark.parametrize("workers", [1, 2])
def test_what_goes_wrong_in_a_worker_is_told(plan, workers):
    with refused(DataError, "this actor cannot be made"):
        record_anew(replace(plan, actor=broken_actor), SEEDS, block_size=5, workers=workers, title="test")


def test_an_interruption_cancels_the_blocks_that_have_not_begun(plan, tmp_path, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt), record(plan, range(400), **ONE_WORKER, blocks_folder=tmp_path) as episodes:
        list(episodes)
    assert len(list(tmp_path.glob("block_*"))) < 50


def test_a_block_that_cannot_be_written_whole_is_not_there(plan, tmp_path, monkeypatch):
    def write_half(folder: Path, *_) -> None:
        (folder / "steps.parquet").write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(record_module, "write_recording", write_half)
    with (
        pytest.raises(OSError, match="disk full"),
        record(plan, SEEDS, block_size=12, workers=1, title="test", blocks_folder=tmp_path) as episodes,
    ):
        list(episodes)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_ends_a_worker_at_once(plan):
    with pytest.raises(BrokenProcessPool):
        record_anew(replace(plan, actor=partial(InterruptedActor, 0)), SEEDS, block_size=5, workers=1, title="test")


def test_a_killed_recording_leaves_no_worker_behind(plan, tmp_path):
    """A pipe that only the worker and its parent hold is closed when both are gone."""
    reading, writing = os.pipe()
    endless = replace(plan, actor=partial(EndlessActor, writing))
    arguments = {"block_size": 5, "workers": 1, "title": "test"}
    process = multiprocessing.get_context("fork").Process(target=record_anew, args=(endless, SEEDS), kwargs=arguments)
    process.start()
    os.close(writing)
    try:
        assert os.read(reading, 100) == b"playing"
        process.kill()
        assert select.select([reading], [], [], 20)[0]
        assert os.read(reading, 100) == b""
    finally:
        process.kill()
        process.join()
        os.close(reading)


def test_who_takes_no_more_episodes_cancels_the_blocks_that_have_not_begun(plan, tmp_path):
    with record(plan, range(400), **ONE_WORKER, blocks_folder=tmp_path) as episodes:
        assert next(episodes).seed == 0
    assert len(list(tmp_path.glob("block_*"))) < 50


def test_what_fails_beside_the_recording_cancels_the_blocks_that_have_not_begun(plan, tmp_path):
    recording = record(plan, range(400), **ONE_WORKER, blocks_folder=tmp_path)
    with pytest.raises(OSError, match="disk full"), recording as episodes:
        raise OSError(f"disk full at seed {next(episodes).seed}")
    assert len(list(tmp_path.glob("block_*"))) < 50


def test_episodes_are_handed_out_while_later_ones_are_played(plan, tmp_path):
    patient = replace(plan, actor=partial(PatientActor, tmp_path / "seen"))
    with record(patient, range(10), block_size=5, workers=1, title="test", blocks_folder=tmp_path) as episodes:
        assert next(episodes).seed == 0
        (tmp_path / "seen").touch()
        assert [episode.seed for episode in episodes] == list(range(1, 10))


def test_a_failure_cancels_the_blocks_that_have_not_begun_while_an_earlier_one_is_played(plan, tmp_path):
    failing = replace(plan, actor=partial(FailingActor, 0))
    recording = record(failing, range(400), **ONE_WORKER | {"workers": 2}, blocks_folder=tmp_path)
    with refused(DataError, "cannot play seed 4"), recording as episodes:
        list(episodes)
    assert len(list(tmp_path.glob("block_*"))) < 50


@pytest.fixture
def finished(tmp_path) -> Path:
    """Thirty blocks of two episodes with a thousand steps, which nobody has to play."""
    lengths = [1_000] * 2
    for start in range(0, 60, 2):
        written_recording(tmp_path / f"block_{start}", VECTORS, random_episodes(VECTORS, lengths))
    return tmp_path


FINISHED = {"seeds": range(60), "block_size": 2, "workers": 1, "title": "test"}


def test_no_episode_waits_in_memory(finished, monkeypatch):
    references, most = [], 0

    def make(**columns):
        nonlocal most
        episode = original(**columns)
        references.append(weakref.ref(episode))
        most = max(most, sum(reference() is not None for reference in references))
        return episode

    original = parquet.Episode
    monkeypatch.setattr(parquet, "Episode", make)
    with record(Plan(VECTORS, broken_actor), blocks_folder=finished, **FINISHED) as episodes:
        for _ in episodes:
            pass
    assert len(references) == 60
    assert most <= 2  # the one at hand, and the next


@pytest.mark.parametrize("minimum_return", [None, 0.0], ids=["all", "some"])
def test_memory_is_that_of_a_block_and_a_row_group(finished, monkeypatch, minimum_return):
    block = (finished / "block_0" / "steps.parquet").stat().st_size
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 2_000)
    tracemalloc.start()
    try:
        with record(Plan(VECTORS, broken_actor), blocks_folder=finished, **FINISHED) as episodes:
            write_recording(finished, VECTORS, "test", ReturnFilter(minimum_return).keep(episodes))
        assert tracemalloc.get_traced_memory()[1] < 10 * block  # of thirty
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("workers", [1, 2])
def test_environments_are_made_and_closed_by_the_workers_alone(toy_plan, tmp_path, workers):
    assert len(record_anew(toy_plan, SEEDS, block_size=5, workers=workers, title="test")) == 12
    log = logged(tmp_path)
    for process in {process for _, process in log}:
        events = [event for event, other in log if other == process]
        assert events.count("made") == events.count("closed")
        # Those of a block are gone before the next one's are there.
        assert events[:10] == ["made"] * 5 + ["closed"] * 5 or len(events) < 10
    assert len(log) == 2 * 12
    assert os.getpid() not in {process for _, process in log}


def test_environments_are_closed_where_playing_fails(toy_plan, tmp_path):
    with refused(DataError, "this actor cannot be made"):
        record_anew(replace(toy_plan, actor=broken_actor), SEEDS[:3], block_size=5, workers=1, title="test")
    assert [event for event, _ in logged(tmp_path)] == ["made"] * 3 + ["closed"] * 3


def with_return(seed: int, total: float):
    return replace(random_episode(CHOICES, seed, 2), rewards=np.array([total, 0.0], dtype=np.float32))


def test_episodes_that_returned_too_little_are_dropped():
    episodes = [with_return(seed, total) for seed, total in enumerate([3.0, -1.0, 2.0, 1.5])]
    enough = ReturnFilter(2.0)
    assert [episode.seed for episode in enough.keep(episodes)] == [0, 2]
    assert (enough.seen, enough.kept) == (4, 2)


def test_without_a_minimum_all_episodes_are_kept():
    episodes = random_episodes(CHOICES, [1, 2, 3])
    enough = ReturnFilter(None)
    assert [episode.seed for episode in enough.keep(episodes)] == [100, 101, 102]
    assert (enough.seen, enough.kept) == (3, 3)


def test_an_episode_passes_before_the_next_is_asked_for():
    asked = []
    episodes = (asked.append(seed) or with_return(seed, 3.0) for seed in range(3))
    assert next(ReturnFilter(2.0).keep(episodes)).seed == 0
    assert asked == [0]


def test_no_episode_left_is_refused():
    episodes = [with_return(seed, total) for seed, total in enumerate([3.0, -1.0])]
    with refused(DataError, "rollouts.minimum_return: expected some episode to return 3.5", "got 3.0 at best of 2"):
        list(ReturnFilter(3.5).keep(episodes))


def test_blocks_that_are_finished_are_not_played_again(plan, episodes, tmp_path):
    def recorded():
        with record(plan, SEEDS, block_size=5, workers=1, title="test", blocks_folder=tmp_path) as episodes:
            return list(episodes)

    recorded()
    shutil.rmtree(tmp_path / "block_5")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for got, expected in zip(recorded(), episodes, strict=True):
        assert_same_episode(got, expected)
    assert len(list(tmp_path.iterdir())) == len(before) + 1
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
