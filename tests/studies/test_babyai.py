"""BabyAI's levels as vectors: what is seen, what is to be done, and a bot whose advice is good until it is lost."""

from dataclasses import replace

import gymnasium
import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from tests.builders import CHOICES, imported, refused
from tests.imports import ROOT
from understudy.environments.make import describe, make_environment
from understudy.episode import NO_OPTION, Episode
from understudy.params.whole import load_params
from understudy.rollouts.parquet import write_recording

pytest.importorskip("minigrid", reason="minigrid, of the extra tasks, is not installed")
from minigrid.core.grid import Grid
from minigrid.core.world_object import Ball, Box, Key
from minigrid.utils.baby_ai_bot import DisappearedBoxError

STUDY = ROOT / "studies" / "generalist"
LEVELS = ("go_to_obj", "go_to_local", "pickup_loc", "transfer/put_next_local", "transfer/unseen_pairs")


@pytest.fixture(scope="module")
def babyai():
    return imported(ROOT / "custom" / "babyai.py")


@pytest.fixture
def made(monkeypatch):
    """An environment as a level's params.yaml names it, and its spec."""
    monkeypatch.syspath_prepend(str(ROOT / "custom"))

    def make(level: str):
        named = load_params(STUDY / level / "params.yaml").environment
        environment = make_environment(named.id, named.kwargs, named.wrappers)
        return environment, describe(environment, named.wrappers, "minigrid")

    return make


def test_a_cell_is_one_object_colour_and_state(babyai):
    image = np.zeros((7, 7, 3), np.uint8)
    image[2, 3] = (babyai.OBJECT_TO_IDX["ball"], 4, 1)  # a yellow one
    image[0, 0] = (babyai.OBJECT_TO_IDX["agent"], 0, 0)
    cells = babyai.encode_grid(image).reshape(7, 7, 16)
    assert (cells.sum(-1) == 3).all()
    assert np.flatnonzero(cells[2, 3]).tolist() == [5, 7 + 4, 13 + 1]
    assert np.flatnonzero(cells[0, 0]).tolist() == [0, 7, 13]


def test_a_mission_is_its_words_in_their_places(babyai):
    words = babyai.encode_mission("go to the red ball", 6).reshape(6, -1)
    assert [babyai.WORDS[row.argmax()] for row in words[:5]] == ["go", "to", "the", "red", "ball"]
    assert words.sum(1).tolist() == [1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("mission", "sentence"),
    [
        ("go to the door", "mission: expected at most 3 words, got 'go to the door'"),
        ("seek a ball", "got 'seek'"),
    ],
)
def test_a_mission_that_cannot_be_told_is_refused(babyai, mission, sentence):
    with refused(ValueError, sentence):
        babyai.encode_mission(mission, 3)


def test_pixels_are_the_view_as_minigrid_draws_it(babyai):
    level = gymnasium.make("minigrid:BabyAI-GoToLocal-v0")
    environment = babyai.GridAndMission(level, tile_size=4)
    observation, _ = environment.reset(seed=3)
    assert list(environment.observation_space) == ["advice", "direction", "mission", "pixels"]
    assert environment.observation_space["pixels"].shape == observation["pixels"].shape == (28 * 28 * 3,)
    for action in (0, 2, 1):
        drawn = level.unwrapped.get_pov_render(4)
        assert drawn.max() > 100 and (observation["pixels"].reshape(28, 28, 3) == drawn).all()
        observation, *_ = environment.step(action)


def bytes_a_step(folder, observations: list[np.ndarray]) -> float:
    """Of the column of observations in a recording of episodes with these, (T, S) each."""
    spec = replace(CHOICES, components=tuple(f"observation_{place}" for place in range(observations[0].shape[1])))
    folder.mkdir()
    episodes = (
        Episode(
            seed,
            steps,
            actions=np.zeros(len(steps), np.int64),
            demonstrated_actions=np.zeros(len(steps), np.int64),
            rewards=np.zeros(len(steps), np.float32),
            options=np.full(len(steps), NO_OPTION, np.int16),
            final_observation=steps[-1],
            terminated=True,
            truncated=False,
        )
        for seed, steps in enumerate(observations)
    )
    write_recording(folder, spec, "bot", episodes)
    group = parquet.ParquetFile(folder / "steps.parquet").metadata.row_group(0)
    columns = {group.column(place).path_in_schema.split(".")[0]: group.column(place) for place in range(8)}
    return columns["observation"].total_compressed_size / sum(map(len, observations))


def test_a_picture_and_a_mission_take_few_bytes_though_each_step_has_them(babyai, tmp_path):
    """Parquet writes of 256 different numbers their places, and zstd what repeats once: float32 costs what uint8 would."""
    environment = babyai.GridAndMission(gymnasium.make("minigrid:BabyAI-GoToLocal-v0"), tile_size=4)
    pixels, missions, generator = [], [], np.random.default_rng(0)
    for seed in range(40):
        steps = [environment.reset(seed=seed)[0]]
        steps += [environment.step(generator.integers(3))[0] for _ in range(6)]
        pixels.append(np.stack([step["pixels"] for step in steps]))
        missions.append(np.stack([step["mission"] for step in steps]))
    joined = [np.hstack(each) for each in zip(pixels, missions, strict=True)]
    picture, both = bytes_a_step(tmp_path / "pixels", pixels), bytes_a_step(tmp_path / "both", joined)
    as_bytes = pyarrow.table({"pixels": list(np.concatenate(pixels).astype(np.uint8))})
    parquet.write_table(as_bytes, tmp_path / "bytes.parquet", compression="zstd")
    column = parquet.ParquetFile(tmp_path / "bytes.parquet").metadata.row_group(0).column(0)
    assert picture < 1.05 * column.total_compressed_size / (7 * 40)
    assert picture < 0.04 * pixels[0][0].size  # bytes, of 2,352 as they are
    assert both - picture < 8  # bytes, of 261 numbers


@pytest.mark.parametrize(("size", "looks"), [(2, 13), (3, 18)])
def test_objects_of_all_colours_look_different_from_three_pixels_on(babyai, size, looks):
    kinds = [kind(colour) for kind in (Ball, Box, Key) for colour in babyai.COLOURS]
    assert len({Grid.render_tile(each, highlight=True, tile_size=size).tobytes() for each in kinds}) == looks
    if size < babyai.SMALLEST_TILE:
        with refused(ValueError, "tile_size: expected at least 3 pixels, got 2"):
            babyai.GridAndMission(gymnasium.make("minigrid:BabyAI-GoToObj-v0"), tile_size=size)


PAIRS = ["red ball", "green box"]


def missions(babyai, level: str = "GoToLocal", seeds: range = range(30), **pairs) -> list[str]:
    environment = babyai.MissionFilter(gymnasium.make(f"minigrid:BabyAI-{level}-v0"), **pairs)
    return [environment.reset(seed=seed)[0]["mission"] for seed in seeds]


def test_missions_name_a_wanted_pair_or_none_that_is_not(babyai):
    def names_one(mission: str) -> bool:
        return mission.split(" ", 3)[3] in PAIRS  # go to the red ball; a red ball where there are several

    everything = missions(babyai, only=list(babyai.PAIRS))
    assert 0 < sum(map(names_one, everything)) < 30
    only, without = missions(babyai, only=PAIRS), missions(babyai, without=PAIRS)
    assert all(map(names_one, only)) and not any(map(names_one, without))
    for mission, found, other in zip(everything, only, without, strict=True):
        assert (found if names_one(mission) else other) == mission  # no further level where the first one will do
    assert missions(babyai, only=PAIRS) == only  # a seed has one level


def test_a_level_of_other_missions_is_drawn_so_many_times_and_no_more(babyai, monkeypatch):
    monkeypatch.setattr(babyai, "MOST_DRAWS", 3)
    with refused(
        ValueError, "mission: expected one without red ball or green box among 3 levels, got none, at last 'go"
    ):
        missions(babyai, level="GoToRedBall", without=PAIRS)
    with refused(ValueError, "mission: expected one that names grey key among 3 levels, got none"):
        missions(babyai, level="GoToRedBall", only=["grey key"])


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ({"only": ["pink ball"]}, "expected pairs of a colour and an object, such as 'red ball', got 'pink ball'"),
        ({"only": PAIRS, "without": PAIRS}, "expected either only or without, got ['red ball', 'green box'] and ['red"),
        ({}, "expected either only or without, got None and None"),
    ],
)
def test_pairs_that_are_none_are_refused(babyai, pairs, sentence):
    with refused(ValueError, sentence):
        missions(babyai, **pairs)


@pytest.mark.parametrize("level", LEVELS)
def test_the_bot_solves_a_level_by_its_advice(babyai, made, level):
    environment, spec = made(level)
    assert spec.components[0] == "advice" and spec.num_actions == 7
    assert len(spec.components) == 1 + 4 + 7 * 7 * 16 + 9 * len(babyai.WORDS)
    for seed in range(5):
        observation, _ = environment.reset(seed=seed)
        mission, over, total = observation[-9 * len(babyai.WORDS) :].copy(), False, 0.0
        while not over:
            observation, reward, terminated, truncated, _ = environment.step(babyai.act(observation))
            over, total = terminated or truncated, total + reward
            assert (observation[-len(mission) :] == mission).all()
        assert total > 0.5


@pytest.mark.parametrize("error", [AssertionError, DisappearedBoxError, IndexError])
def test_a_bot_that_is_lost_advises_nothing_until_the_limit_of_steps(babyai, made, monkeypatch, error):
    monkeypatch.setattr(babyai.BabyAIBot, "replan", failing_with(error("a box was opened")))
    environment, _ = made("go_to_obj")
    observation, _ = environment.reset(seed=0)
    for step in range(64):
        assert babyai.act(observation) == babyai.DONE
        observation, reward, terminated, truncated, _ = environment.step(babyai.DONE)
        assert (reward, terminated, truncated) == (0.0, False, step == 63)


def test_a_fault_of_the_bot_is_not_taken_for_its_being_lost(babyai, made, monkeypatch):
    monkeypatch.setattr(babyai.BabyAIBot, "replan", failing_with(TypeError("replan takes 3 arguments")))
    environment, _ = made("go_to_obj")
    with refused(TypeError, "replan takes 3 arguments"):
        environment.reset(seed=0)


def failing_with(error: Exception):
    def replan(bot, action=None):
        raise error

    return replan


def test_students_do_not_see_the_advice_and_failures_are_dropped():
    for level in LEVELS:
        params = load_params(STUDY / level / "params.yaml")
        assert params.sequences.hide == ["advice"]
        assert params.rollouts.minimum_return > 0
