"""The tasks of studies/memory, by episodes whose every value is known, and its table."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.builders import imported, refused
from tests.imports import ROOT
from tests.studies.covered import not_covered
from understudy.errors import DataError
from understudy.params.whole import load_params
from understudy.utils.jsonfile import write_json

STUDY, CUSTOM = ROOT / "studies" / "memory", ROOT / "custom"
RUNS = {  # with the contexts of their students
    "t_maze": (1, 2, 4, 8, 16, 32, 64),
    "repeat_previous": (1, 2, 4, 8, 16, 32, 64),
    "repeat_previous_40": (32, 64),
}
FORWARD, LEFT, RIGHT = 0, 1, 2


@pytest.fixture(scope="module")
def t_maze():
    return imported(CUSTOM / "t_maze.py")


@pytest.fixture(scope="module")
def repeat_previous():
    return imported(CUSTOM / "repeat_previous.py")


@pytest.fixture(scope="module")
def draw():
    return imported(STUDY / "draw.py")


def maze(t_maze, length: int, answer: int):
    """A T-maze that has just been entered, whose side is `answer`, and what is seen."""
    environment = t_maze.TMaze(length, length)
    for seed in range(100):
        observation, _ = environment.reset(seed=seed)
        if environment.answer == answer:
            return environment, observation
    raise AssertionError("no such maze among 100 seeds")


def seen(observation) -> tuple[float, float]:
    return float(observation["cue"]), float(observation["junction"])


# t_maze


@pytest.mark.parametrize(("answer", "side"), [(LEFT, -1.0), (RIGHT, 1.0)])
def test_the_cue_shows_at_the_first_step_alone_and_the_junction_after_the_corridor(t_maze, answer, side):
    environment, observation = maze(t_maze, 3, answer)
    observed = [observation, *(environment.step(FORWARD)[0] for _ in range(4))]
    assert [seen(each) for each in observed] == [(side, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 1.0), (0.0, 1.0)]
    assert [float(each["answer"]) for each in observed] == [side] * 5


@pytest.mark.parametrize("walked", [FORWARD, LEFT, RIGHT])
@pytest.mark.parametrize(
    ("answer", "turn", "reward"), [(LEFT, LEFT, 1.0), (LEFT, RIGHT, 0.0), (RIGHT, RIGHT, 1.0), (RIGHT, LEFT, 0.0)]
)
def test_every_action_walks_the_corridor_and_a_turn_at_its_end_decides(t_maze, walked, answer, turn, reward):
    environment, _ = maze(t_maze, 2, answer)
    for _ in range(2):
        assert environment.step(walked)[1:4] == (0.0, False, False)
    assert environment.step(FORWARD)[1:4] == (0.0, False, False)  # against the wall
    assert environment.step(turn)[1:4] == (reward, True, False)


def test_lengths_and_sides_vary_from_episode_to_episode_and_go_by_the_seed(t_maze):
    environment, found = t_maze.TMaze(16, 31), []
    for seed in range(2_000_000, 2_000_400):
        environment.reset(seed=seed)
        found.append((environment.length, environment.answer))
    assert {length for length, _ in found} == set(range(16, 32))
    assert 160 < sum(answer == LEFT for _, answer in found) < 240
    environment.reset(seed=2_000_000)
    assert (environment.length, environment.answer) == found[0]


def test_the_mazes_demonstrator_walks_and_turns_as_the_answer_says(t_maze):
    cases = {(-1, 0): FORWARD, (1, 0): FORWARD, (-1, 1): LEFT, (1, 1): RIGHT}
    for cue in (-1.0, 0.0, 1.0):  # which it does not need
        got = {
            (answer, junction): t_maze.act(np.asarray([answer, cue, junction], np.float32))
            for answer, junction in cases
        }
        assert got == cases


@pytest.mark.parametrize(("shortest", "longest"), [(0, 3), (4, 3), (3, 100)])
def test_mazes_without_a_corridor_or_without_an_end_are_refused(t_maze, shortest, longest):
    with refused(ValueError, "expected 1 <= shortest <= longest < 100", f"got {shortest} and {longest}"):
        t_maze.TMaze(shortest, longest)


# repeat_previous


def test_the_answer_is_the_symbol_of_so_many_steps_before(repeat_previous):
    environment = repeat_previous.RepeatPrevious(symbols=5, delay=3, steps=9)
    observed, ends = [environment.reset(seed=7)[0]], []
    for _ in range(9):
        observation, _, terminated, truncated, _ = environment.step(0)
        observed.append(observation)
        ends.append((terminated, truncated))
    symbols, answers = [int(each["symbol"]) for each in observed], [int(each["answer"]) for each in observed]
    assert len(set(symbols)) > 2
    assert answers == [0, 0, 0, *symbols[:-3]]
    assert ends == [(False, False)] * 8 + [(True, False)]


def test_correct_actions_count_from_the_delay_on_and_sum_to_one(repeat_previous):
    environment = repeat_previous.RepeatPrevious(symbols=3, delay=2, steps=6)
    observation, _ = environment.reset(seed=1)
    rewards = []
    for step in range(6):
        answer = int(observation["answer"])
        observation, reward, *_ = environment.step((answer + 1) % 3 if step == 4 else answer)
        rewards.append(reward)
    assert rewards == [0.0, 0.0, 0.25, 0.25, 0.0, 0.25]


def test_symbols_are_as_likely_and_go_by_the_seed(repeat_previous):
    def shown(seed: int) -> list[int]:
        environment = repeat_previous.RepeatPrevious(symbols=4, delay=12, steps=400)
        first, _ = environment.reset(seed=seed)
        return [int(first["symbol"]), *(int(environment.step(0)[0]["symbol"]) for _ in range(399))]

    assert shown(2_000_000) == shown(2_000_000) != shown(2_000_001)
    assert all(70 < count < 130 for count in np.bincount(shown(2_000_000), minlength=4))


def test_the_demonstrator_names_the_answer_whatever_is_shown(repeat_previous):
    for answer in range(4):
        for symbol in np.eye(4):
            assert repeat_previous.act(np.asarray([answer, *symbol], np.float32)) == answer


@pytest.mark.parametrize(("symbols", "delay", "steps"), [(1, 2, 3), (4, 0, 3), (4, 3, 3)])
def test_tasks_without_a_question_are_refused(repeat_previous, symbols, delay, steps):
    with refused(ValueError, "expected symbols >= 2 and 1 <= delay < steps", f"got {symbols}, {delay}, {steps}"):
        repeat_previous.RepeatPrevious(symbols, delay, steps)


# the study


@pytest.mark.parametrize("run", RUNS)
def test_a_context_is_the_memorys_reach_and_the_answer_is_hidden(run):
    """One layer looks back as far as its context; with more, tokens between would hand the cue on."""
    params = load_params(STUDY / run / "params.yaml")
    models = {name: policy.model for name, policy in params.policies.items() if policy.family == "action_transformer"}
    assert {name: (model["context"], model["state_differences"]) for name, model in models.items()} == {
        f"context_{context}": (context, 0) for context in RUNS[run]
    }
    without = {name: policy.model for name, policy in params.policies.items() if name not in models}
    assert without["mlp_differences"] == without["mlp"] | {"state_differences": 1}
    assert {model["num_layers"] for model in models.values()} == {1}
    assert params.sequences.hide == ["answer"]
    assert params.rollouts.noise == 0.0


@pytest.mark.parametrize(
    ("run", "between", "chance", "first_to_see"),
    [
        ("t_maze", (8, 15), 0.5, 16),
        ("repeat_previous", (16, 16), 0.25, 32),
        ("repeat_previous_40", (40, 40), 0.25, 64),
    ],
)
def test_who_sees_the_cue_is_told_from_the_parameters(draw, run, between, chance, first_to_see):
    params = load_params(STUDY / run / "params.yaml")
    assert draw.steps_between(params) == between
    assert draw.chance(params) == chance
    told = {name: draw.sees_cue(params, name) for name in params.policies.names}
    assert told == {"mlp": "never", "mlp_differences": "never"} | {
        f"context_{context}": "always" if context >= first_to_see else "never" for context in RUNS[run]
    }
    assert draw.sees_cue(params, "expert") == draw.sees_cue(params, "random") == ""


@pytest.mark.parametrize(
    ("run", "kwargs", "told"),
    [
        ("t_maze", {"shortest": 15, "longest": 32}, ("never", "sometimes", "sometimes", "always")),
        ("repeat_previous", {"symbols": 4, "delay": 15, "steps": 48}, ("never", "always", "always", "always")),
    ],
)
def test_a_context_has_to_be_longer_than_the_steps_between(draw, run, kwargs, told):
    """A context of 16 steps reaches 15 back."""
    params = load_params(STUDY / run / "params.yaml")
    other = params.environment.model_copy(update={"kwargs": kwargs})
    changed = params.model_copy(update={"environment": other})
    assert tuple(draw.sees_cue(changed, f"context_{context}") for context in (8, 16, 32, 64)) == told


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """The study's folder with made-up summaries: the n-th policy of a run is right in n hundredths."""
    for run in RUNS:
        (tmp_path / run / "metrics").mkdir(parents=True)
        shutil.copy(STUDY / run / "params.yaml", tmp_path / run)
        names = ["expert", "random", *load_params(tmp_path / run / "params.yaml").policies.names]
        write_json(tmp_path / run / "metrics/summary.json", {name: entry(n / 100) for n, name in enumerate(names)})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entry(right: float) -> dict:
    values = {"return_mean": right, "return_ci_low": right - 0.01, "return_ci_high": right + 0.02}
    return values | {"score": 2 * right, "score_ci_low": 0.0, "score_ci_high": 0.5, "on_policy_agreement": 0.9}


def test_the_table_has_a_row_a_policy_in_each_task(draw, study):
    lines = draw.format_table({run: draw.read_run(study / run) for run in RUNS}).splitlines()
    assert len(lines) == 2 + sum(4 + len(contexts) for contexts in RUNS.values())
    assert lines[2] == "| T-maze | expert |  | 0.000 [-0.010, 0.020] | 0.50 | 0.000 [0.000, 0.500] |"
    assert lines[4] == "| T-maze | mlp | never | 0.020 [0.010, 0.040] | 0.50 | 0.040 [0.000, 0.500] |"
    assert lines[23] == "| repeat previous | context_64 | always | 0.100 [0.090, 0.120] | 0.25 | 0.200 [0.000, 0.500] |"
    assert (
        lines[-1]
        == "| repeat previous, 40 | context_64 | always | 0.050 [0.040, 0.070] | 0.25 | 0.100 [0.000, 0.500] |"
    )


def test_the_program_writes_both_and_the_same_again(draw, study, capsys):
    written = []
    for _ in range(2):
        draw.main()
        written.append([(study / name).read_bytes() for name in ("results.md", "results.png")])
    assert written[0] == written[1]
    assert written[0][1].startswith(b"\x89PNG")
    assert capsys.readouterr().out == 2 * (study / "results.md").read_text()


def test_a_policy_without_numbers_is_named(draw, study):
    write_json(study / "t_maze/metrics/summary.json", {"expert": entry(1.0), "random": entry(0.5)})
    with refused(DataError, "t_maze/metrics/summary.json: expected an entry mlp, got none"):
        draw.read_run(study / "t_maze")


def test_the_table_depends_on_all_that_its_program_imports():
    assert not_covered(STUDY, "draw", {}, []) == set()
