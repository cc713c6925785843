"""The table of studies/returns: rliable's probability of improvement, and how far from their targets policies land."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.builders import imported
from tests.imports import ROOT
from tests.toys import CHOICES, recording, tiny_policy
from understudy.policies.files import save_policy
from understudy.rollouts.parquet import read_recording
from understudy.spec import EnvironmentSpec

STUDY = ROOT / "studies" / "returns"


@pytest.fixture(scope="module")
def draw():
    return imported(STUDY / "draw.py")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([3.0, 4.0], [1.0, 2.0], 1.0),
        ([1.0, 2.0], [3.0, 4.0], 0.0),
        ([1.0, 3.0], [2.0, 2.0], 0.5),
        ([2.0], [2.0], 0.5),
        ([1.0, 2.0, 3.0], [2.0], 0.5),
        ([2.0, 3.0], [1.0, 2.0], 0.875),  # 2 > 1, 2 = 2, 3 > 1, 3 > 2
    ],
)
def test_the_probability_of_improvement_counts_pairs_and_ties_half(draw, one, other, expected):
    assert draw.probability_of_improvement(np.asarray(one), np.asarray(other)) == expected


def test_its_interval_is_certain_where_all_runs_are_better(draw):
    better, worse = np.asarray([5.0, 6.0, 7.0]), np.asarray([1.0, 2.0, 3.0])
    assert draw.improvement_interval(better, worse, 0) == (1.0, 1.0)
    low, high = draw.improvement_interval(np.asarray([1.0, 5.0, 2.0, 4.0]), np.asarray([3.0, 1.5, 4.5, 2.5]), 0)
    assert low < 0.5 < high


def test_figures_are_those_of_rliable(draw):
    """Of rliable 1.2.0, for the same numbers; its interval is of 20,000 resamples, of either policy by itself."""
    one = np.asarray([191.0, 203.5, 148.25, 210.0, 204.25])
    other = np.asarray([258.0, 197.5, 204.25, 148.25, 266.0])
    assert draw.probability_of_improvement(one, other) == pytest.approx(0.36)
    assert draw.improvement_interval(one, other, 0) == pytest.approx((0.04, 0.74), abs=0.021)
    returns = np.sin(1.7 * np.arange(1000)) ** 3
    assert draw.interquartile_mean(returns) == pytest.approx(0.0006020150639162481)


def a_recording(returns, player=None):
    """Two steps an episode, of LunarLander's components."""
    spec = EnvironmentSpec("Toy-v0", {}, ("x", "y", "z"), 4, None, None, None)
    made = recording(returns, spec)
    episodes = made.episodes | {"player": np.zeros(len(returns), np.int64) if player is None else np.asarray(player)}
    return replace(made, episodes=episodes, players=("poor", "good"))


def test_the_figure_has_a_panel_a_question(draw, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(draw.pyplot, "close", drawn.append)
    entry = {"score": 0.5, "score_ci_low": 0.4, "score_ci_high": 0.7}
    summary = {name: entry for name in ("expert", "random", *draw.FILTERED.values(), "tt", "tt/planning")}
    recorded, imagined = a_recording([1.0, 2.0, 9.0], [0, 0, 1]), a_recording([1.5, 8.0])
    runs = [draw.Run(Path(name), None, recorded, summary) for name in draw.RUNS]
    calibration = {name: {"dt": {1.0: [1.5], 9.0: [7.0]}} for name in draw.RUNS}
    draw.draw(runs, calibration, imagined, tmp_path / "figure.png")
    [figure] = drawn
    labels = [axis.get_xlabel() for axis in figure.axes]
    assert len(labels) == 9
    assert labels[2:4] == ["return asked for", "share of the episodes that is imitated, the best"]
    assert labels[8] == "return asked for"
    assert [figure.axes[number].get_title() for number in (0, 6)] == ["LunarLander-v3", "Pendulum-v1"]
    [line, *_] = figure.axes[3].get_lines()
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0.1, 0.25, 0.5, 1.0], [0.5] * 4)
    assert {line.get_label() for line in figure.axes[5].get_lines()} >= {"recorded", "imagined"}


def test_every_policy_that_acts_for_a_return_is_asked_for_each_target(tmp_path, monkeypatch):
    """By every training seed, on the first evaluation seeds of its run; the others are asked for nothing."""
    calibrate, asked = imported(STUDY / "calibrate.py"), []
    monkeypatch.chdir(STUDY)
    quantiles = tuple(float(each) for each in range(101))
    trained = SimpleNamespace(task=SimpleNamespace(return_quantiles=quantiles))
    monkeypatch.setattr(calibrate, "load_trained", lambda folder: (asked.append(folder), trained)[1])
    monkeypatch.setattr(calibrate, "calibrate", lambda trained, target, seeds: target + len(seeds))
    written = []
    monkeypatch.setattr(calibrate, "write_csv", lambda *given: written.append(given))
    calibrate.main()
    [(path, header, rows)] = written
    assert (path.name, header) == ("calibration.csv", calibrate.HEADER)
    assert asked == [
        Path(f"{run}/models/{name}/seed_{seed}")
        for run in ("lander", "pendulum")
        for name in ("rvs", "dt")
        for seed in range(5)
    ]
    assert len(rows) == 20 * 9
    assert rows[:2] == [("lander", "rvs", 0, 5.0, 55.0, 50), ("lander", "rvs", 0, 16.2, 66.2, 50)]


@pytest.mark.filterwarnings("ignore:target_return")
def test_the_target_is_what_the_policy_acts_for():
    """Of random weights: asked for something else, it pushes the cart elsewhere."""
    calibrate = imported(STUDY / "calibrate.py")
    policy = tiny_policy(
        "decision_transformer", EnvironmentSpec("CartPole-v1", {}, ("x", "v", "angle", "w"), 2, None, None, None)
    )
    assert len({calibrate.calibrate(policy, target, range(3)) for target in (-30.0, 3.0, 30.0)}) == 3


def test_what_is_imagined_begins_as_every_fourth_recorded_episode(tmp_path, monkeypatch):
    dream = imported(STUDY / "dream.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dream, "EPISODES", 2)
    monkeypatch.setattr(dream, "STEPS", 4)
    monkeypatch.setattr(dream, "load_params", lambda path: SimpleNamespace(training=SimpleNamespace(seeds=[3])))
    recorded = recording([1.0, 2.0, 3.0], CHOICES)
    monkeypatch.setattr(dream, "read_recording", lambda folder: recorded)
    (tmp_path / "lander/models/tt/seed_3").mkdir(parents=True)
    save_policy(tiny_policy("trajectory_transformer", CHOICES), tmp_path / "lander/models/tt/seed_3")
    dream.main()
    imagined = read_recording(tmp_path / "imagined")
    assert imagined.demonstrator == "imagined by tt, seed 3"
    assert imagined.episodes["seed"].tolist() == recorded.episodes["seed"][[0, 2]].tolist()
    first = recorded.steps["observation"][recorded.offsets[[0, 2]]]
    assert np.array_equal(imagined.steps["observation"][imagined.offsets[:-1]], first)


def test_calibration_is_read_and_said(draw, tmp_path):
    path = tmp_path / "calibration.csv"
    rows = [
        "a,dt,0,100,90,50",
        "a,dt,1,100,120,50",
        "a,dt,0,200,150,50",
        "a,dt,1,200,170,50",
        "a,rvs,0,100,0,50",
        "b,rvs,0,-9,-7,50",
    ]
    path.write_text("run,policy,seed,target,return_mean,episodes\n" + "\n".join(rows) + "\n")
    calibration = draw.read_calibration(path)
    expected = {"dt": {100.0: [90.0, 120.0], 200.0: [150.0, 170.0]}, "rvs": {100.0: [0.0]}}
    assert calibration == {"a": expected, "b": {"rvs": {-9.0: [-7.0]}}}
    first, second = draw.describe_calibration(calibration["a"]).splitlines()
    assert first == "dt: asked for 100 to 200, its mean return lies 22 from the target on average, 40 at most."
    assert second.startswith("rvs: asked for 100 to 100, its mean return lies 100")
