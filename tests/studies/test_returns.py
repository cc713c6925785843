"""The table of studies/returns: rliable's probability of improvement, and how far from their targets policies land."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.builders import imported
from tests.imports import ROOT
from tests.studies.covered import not_covered
from tests.toys import CHOICES, recording, tiny_policy
from understudy.code.closure import constant, parse
from understudy.params.whole import load_params
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


def test_of_the_experts_students_it_is_told_which_share_of_the_baselines_score_they_have(draw):
    entry = {"return_mean": 1.0, "return_iqm": 1.0, "solved_rate": None, "length_mean": 9.0, "action_accuracy": 0.9}
    scores = {"expert": 1.0, "random": 0.0, "decoder": 0.8, "tt": 0.78, "tt/drawn": 0.4}
    summary = {
        name: entry | {"score": score, "score_ci_low": score, "score_ci_high": score} for name, score in scores.items()
    } | {"differences": {}}
    text = draw.format_alone(summary, "decoder")
    assert text.endswith("\ntt: 0.975 of decoder's score.\ntt/drawn: 0.500 of decoder's score.\n")
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:7]] == list(scores)


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
    runs = [draw.Run(Path(name), None, recorded, summary, "bc_10") for name in draw.RUNS]
    calibration = {name: {("dt", acts): {1.0: [1.5], 9.0: [7.0]} for acts in draw.LINES} for name in draw.RUNS}
    draw.draw(runs, calibration, imagined, tmp_path / "figure.png")
    [figure] = drawn
    labels = [axis.get_xlabel() for axis in figure.axes]
    assert len(labels) == 9
    assert labels[2:4] == ["return asked for", "share of the episodes that is imitated, the best"]
    assert labels[8] == "return asked for"
    assert [figure.axes[number].get_title() for number in (0, 6)] == ["LunarLander-v3", "Pendulum-v1"]
    [line, *_] = figure.axes[3].get_lines()
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0.1, 0.25, 0.5, 1.0], [0.5] * 4)
    assert {"dt, likeliest", "dt, drawn", "dt, corrected"} <= {line.get_label() for line in figure.axes[2].get_lines()}
    assert {line.get_label() for line in figure.axes[5].get_lines()} >= {"recorded", "imagined"}


def test_every_policy_that_acts_for_a_return_is_asked_for_each_target(tmp_path, monkeypatch):
    """By every training seed, on the first evaluation seeds of its run; the others are asked for nothing."""
    calibrate, asked, played = imported(STUDY / "calibrate.py"), [], []
    monkeypatch.chdir(STUDY)
    quantiles = tuple(float(each) for each in range(101))

    def load_trained(folder):
        asked.append(folder)
        task = SimpleNamespace(return_quantiles=quantiles, discrete_actions=folder.parts[0] == "lander")
        return SimpleNamespace(task=task)

    def mean_return(trained, acts, target, seeds):
        played.append((acts, seeds))
        return target + (5.0 if acts == "drawn" else 10.0)  # more than what is told, always

    monkeypatch.setattr(calibrate, "load_trained", load_trained)
    monkeypatch.setattr(calibrate, "mean_return", mean_return)
    written = []
    monkeypatch.setattr(calibrate, "write_csv", lambda *given: written.append(given))
    monkeypatch.setattr(
        calibrate, "ProcessPoolExecutor", lambda workers, context, initializer: nullcontext(SimpleNamespace(map=map))
    )
    calibrate.main()
    [(path, header, rows)] = written
    assert (path.name, header) == ("calibration.csv", calibrate.HEADER)
    assert asked == [
        Path(f"{run}/models/{name}/seed_{seed}")
        for run in ("lander", "pendulum")
        for name in ("rvs", "dt")
        for seed in range(5)
    ]
    assert len(rows) == 10 * 9 * 3 + 10 * 9 * 2  # numbers as actions are not drawn
    assert rows[:2] == [
        ("lander", "rvs", "likeliest", 0, 5.0, 15.0, 100),
        ("lander", "rvs", "drawn", 0, 5.0, 10.0, 100),
    ]
    assert all(abs(row[4] - row[5]) < 0.3 for row in rows if row[2] == "corrected")
    finding = {seeds for _, seeds in played} - {range(1_000_000, 1_000_100)}
    assert finding == {range(2_000_000, 2_000_100)}


def test_a_correction_is_told_on_a_line_that_rises_and_by_the_way_that_comes_closer():
    calibrate = imported(STUDY / "calibrate.py")
    told = np.asarray([0.0, 10.0, 20.0, 30.0])
    correction = calibrate.Correction(
        told, {"drawn": np.asarray([0.0, 30.0, 10.0, 40.0]), "likeliest": np.asarray([50.0, 50.0, 60.0, 90.0])}
    )
    acts, target = correction.of(20.0)  # the line of the first is flat at 20 from 10 to 20
    assert acts == "drawn" and 9.5 <= target <= 20.5
    acts, target = correction.of(75.0)
    assert acts == "likeliest" and target == pytest.approx(25.0, abs=0.3)
    assert correction.of(500.0) == ("likeliest", 30.0)
    assert correction.of(-500.0) == ("drawn", 0.0)


def test_the_share_that_returns_most_on_seeds_of_development_is_chosen(monkeypatch):
    choose, written, played = imported(STUDY / "choose.py"), [], []
    monkeypatch.chdir(STUDY)
    monkeypatch.setattr(choose, "write_csv", lambda *given: written.append(given))
    means = {"bc_10": 3.0, "bc_25": 9.0, "bc_50": 6.0}
    monkeypatch.setattr(choose, "mean_return", lambda folder: (played.append(folder), means[folder.parent.name])[1])
    choose.main()
    [(path, header, rows)] = written
    assert (path.name, header) == ("chosen.csv", choose.HEADER)
    assert played[:5] == [Path(f"lander/models/bc_50/seed_{seed}") for seed in range(5)]
    assert rows == [
        (run, name, share, means[name], int(name == "bc_25"))
        for run in ("lander", "pendulum")
        for name, share in (("bc_50", 0.5), ("bc_25", 0.25), ("bc_10", 0.1))
    ]
    assert set(choose.SEEDS).isdisjoint(range(1_000_000, 2_000_000))


def test_a_policy_plays_the_seeds_of_development(tmp_path, monkeypatch):
    choose = imported(STUDY / "choose.py")
    monkeypatch.setattr(choose, "SEEDS", range(2_000_000, 2_000_003))
    spec = EnvironmentSpec("CartPole-v1", {}, ("x", "v", "angle", "w"), 2, None, None, None)
    save_policy(tiny_policy("action_transformer", spec), tmp_path)
    assert 8 <= choose.mean_return(tmp_path) <= 500


def test_the_chosen_policies_are_read_by_run(draw, tmp_path):
    path = tmp_path / "chosen.csv"
    path.write_text("run,policy,best_returns,return_mean,chosen\na,bc_50,0.5,1,0\na,bc_10,0.1,2,1\nb,bc_50,0.5,1,1\n")
    assert draw.read_chosen(path) == {"a": "bc_10", "b": "bc_50"}


@pytest.mark.filterwarnings("ignore:target_return")
def test_the_target_is_what_the_policy_acts_for():
    """Of random weights: asked for something else, it pushes the cart elsewhere."""
    calibrate = imported(STUDY / "calibrate.py")
    policy = tiny_policy(
        "decision_transformer", EnvironmentSpec("CartPole-v1", {}, ("x", "v", "angle", "w"), 2, None, None, None)
    )
    for acts in calibrate.ACTORS:
        returns = [calibrate.mean_return(policy, acts, target, range(3)) for target in (-30.0, 3.0, 30.0)]
        assert len(set(returns)) == 3
        assert calibrate.mean_return(policy, acts, 3.0, range(3)) == returns[1]
    assert calibrate.mean_return(policy, "drawn", 3.0, range(3)) != calibrate.mean_return(
        policy, "likeliest", 3.0, range(3)
    )


def test_what_is_imagined_begins_as_every_fourth_recorded_episode(tmp_path, monkeypatch):
    dream = imported(STUDY / "dream.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dream, "EPISODES", 2)
    monkeypatch.setattr(dream, "STEPS", 4)
    monkeypatch.setattr(dream, "load_sections", lambda path, sections: {"training": SimpleNamespace(seeds=[3])})
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
        "a,dt,drawn,0,100,90,50",
        "a,dt,drawn,1,100,120,50",
        "a,dt,drawn,0,200,150,50",
        "a,dt,drawn,1,200,170,50",
        "a,rvs,likeliest,0,100,0,50",
        "b,rvs,likeliest,0,-9,-7,50",
    ]
    path.write_text("run,policy,acts,seed,target,return_mean,episodes\n" + "\n".join(rows) + "\n")
    calibration = draw.read_calibration(path)
    expected = {("dt", "drawn"): {100.0: [90.0, 120.0], 200.0: [150.0, 170.0]}, ("rvs", "likeliest"): {100.0: [0.0]}}
    assert calibration == {"a": expected, "b": {("rvs", "likeliest"): {-9.0: [-7.0]}}}
    first, second = draw.describe_calibration(calibration["a"]).splitlines()
    assert first == "dt, drawn: asked for 100 to 200, its mean return lies 22 from the target on average, 40 at most."
    assert second.startswith("rvs, likeliest: asked for 100 to 100, its mean return lies 100")


@pytest.mark.parametrize(
    ("stage", "loads"),
    [
        ("calibrate", ["decision_transformer", "rvs"]),
        ("choose", ["action_transformer"]),
        ("dream", ["trajectory_transformer"]),
        ("draw", []),
    ],
)
def test_a_stage_depends_on_all_that_its_program_imports(stage, loads):
    policies = load_params(STUDY / "lander/params.yaml").policies
    assert not_covered(STUDY, stage, {name: [block.family] for name, block in policies.items()}, loads) == set()
    assert sorted(constant(parse(STUDY / f"{stage}.py"), "LOADS") or ()) == loads


def test_the_readme_has_what_is_told_of_the_expert_alone():
    text = (STUDY / "results.md").read_text().partition("of the expert alone\n\n")[2]
    table = text.partition("\n\n")[0]
    assert table.count("\n") == 7 and table in (STUDY / "README.md").read_text()
