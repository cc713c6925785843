"""The study of what the generalist carries to new tasks: its runs, how they depend on the generalist, its table and figure."""

import gymnasium
import networkx
import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.builders import imported, refused
from tests.imports import ROOT
from understudy.errors import DataError
from understudy.params.project import load_project
from understudy.params.whole import load_params
from understudy.utils.jsonfile import write_json

STUDY = ROOT / "studies/generalist"
TRANSFER = STUDY / "transfer"
DRAW = imported(TRANSFER / "draw.py")
COUNTS = (1, 5, 10, 25, 50, 100)
START = "../../models/coarse"
OWN_LINE = f"      - {START}  # from which policies start\n"
each_run = pytest.mark.parametrize("name", DRAW.RUNS)


@each_run
def test_a_run_s_pipeline_is_the_root_s_and_depends_on_the_generalist(name):
    text = (TRANSFER / name / "dvc.yaml").read_text()
    stages = YAML(typ="safe").load(text)["stages"]
    assert START in stages["select_columns"]["deps"]
    assert text.count(OWN_LINE) == 1
    own = text.replace(OWN_LINE, "").replace("vars: [{root: ../../../..}]", "vars: [{root: .}]")
    assert own == (ROOT / "dvc.yaml").read_text()


@each_run
def test_policies_differ_in_where_they_start_and_in_the_number_of_demonstrations_alone(name):
    params, generalist = load_params(TRANSFER / name / "params.yaml"), load_project(STUDY / "params.yaml")
    known = name != "mountain_car"
    seen = set()
    for policy, block in params.policies.items():
        kept = block.model_dump() | {"starts_from": None, "starts_as": None, "demonstrations": None}
        of_generalist = generalist.policies.named("coarse").model_dump()
        assert {key: kept[key] for key in of_generalist} == of_generalist
        assert block.starts_from in (START, None)
        assert block.starts_as == ("LunarLander-v3" if known and block.starts_from else None)
        assert policy == ("scratch_" if block.starts_from is None else "tuned_") + str(block.demonstrations) or (
            policy == "zero_shot" and block.demonstrations == 0 and known
        )
        seen.add((block.starts_from is not None, block.demonstrations))
    assert seen == {(tuned, count) for tuned in (True, False) for count in COUNTS} | ({(True, 0)} if known else set())
    assert set(params.training.seeds) <= set(generalist.training.seeds)
    assert params.comparison.differences == [[f"tuned_{count}", f"scratch_{count}"] for count in COUNTS]


@each_run
def test_there_are_as_many_demonstrations_as_the_most_that_are_asked_for(name):
    params = load_params(TRANSFER / name / "params.yaml")
    episodes, share = params.rollouts.episodes, params.sequences.validation_fraction
    assert episodes - round(episodes * share) == max(COUNTS)
    assert params.evaluation.first_seed == load_params(ROOT / "params.yaml").evaluation.first_seed


def test_before_the_drawing_come_all_runs_and_the_generalist_that_they_start_from():
    with Repo(STUDY) as repo:
        graph = repo.index.graph
        [drawing] = [each for each in graph if each.name == "draw" and each.wdir == str(TRANSFER)]
        needed = networkx.descendants(graph, drawing)
        below = {each for each in graph if each.wdir.startswith(f"{TRANSFER}/")}
        assert below <= needed
        assert {each.wdir for each in below} == {str(TRANSFER / name) for name in DRAW.RUNS}
        trained = {each.name for each in needed if each.wdir == str(STUDY) and each.name.startswith("train_policy")}
        assert trained == {f"train_policy@coarse-{seed}" for seed in load_project(STUDY / "params.yaml").training.seeds}


def test_who_demonstrates_drives_up_the_hill():
    act = imported(ROOT / "custom/mountain_car.py").act
    environment = gymnasium.make("MountainCar-v0")
    for seed in range(3):
        observation, _ = environment.reset(seed=seed)
        steps, terminated = 0, False
        while not terminated and steps < 170:
            observation, _, terminated, _, _ = environment.step(act(observation))
            steps += 1
        assert terminated


SCORES = {"tuned_10": 0.9, "scratch_10": 0.25, "zero_shot": 0.5}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Runs with summaries of three policies, in which the generalist helps with wind alone."""
    for name in DRAW.RUNS:
        params = YAML().load(TRANSFER / name / "params.yaml")
        names = [policy for policy in SCORES if policy in params["policies"]]
        params["policies"] = {policy: dict(params["policies"][policy]) for policy in names}
        params["comparison"] |= {"baseline": "scratch_10", "differences": []}
        summary = {
            policy: {"score": SCORES[policy], "score_ci_low": SCORES[policy] - 0.05, "score_ci_high": 1.0}
            for policy in names
        }
        low = 0.125 if name == "lander_wind" else -0.125
        difference = {"gain": 0.65, "gain_ci_low": low, "gain_ci_high": 0.75}
        (tmp_path / name / "metrics").mkdir(parents=True)
        YAML().dump(params, tmp_path / name / "params.yaml")
        write_json(
            tmp_path / name / "metrics/summary.json", summary | {"differences": {"tuned_10 - scratch_10": difference}}
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_says_what_each_start_reaches_and_where_the_generalist_helps(study, capsys):
    DRAW.main()
    text = (study / "results.md").read_text()
    assert capsys.readouterr().out == text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert rows[2] == [
        "MountainCar-v0",
        "0",
        "cannot act: none of its tasks has these observations and actions",
        "",
        "",
    ]
    wind = [
        ["LunarLander-v3 with wind", "0", "0.500 [0.450, 1.000]", "", ""],
        ["LunarLander-v3 with wind", "10", "0.900 [0.850, 1.000]", "0.250 [0.200, 1.000]", "0.650 [0.125, 0.750]"],
    ]
    assert rows[4:6] == wind
    assert text.endswith("by an interval above zero, in 1 of 3 tasks: LunarLander-v3 with wind.\n")
    assert (study / "results.png").stat().st_size > 1000


def test_a_summary_without_a_policy_or_a_difference_is_refused(study):
    path = study / "lander_wind/metrics/summary.json"
    row = {"score": 1.0, "score_ci_low": 1.0, "score_ci_high": 1.0}
    write_json(path, {"tuned_10": row, "zero_shot": row})
    with refused(DataError, "lander_wind/metrics/summary.json: expected an entry scratch_10, got none"):
        DRAW.read_run(study / "lander_wind")
    write_json(path, {"tuned_10": row, "zero_shot": row, "scratch_10": row})
    with refused(DataError, "summary.json: expected a difference tuned_10 - scratch_10, got none"):
        DRAW.read_run(study / "lander_wind")
