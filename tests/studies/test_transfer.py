"""The studies of what a generalist carries to new tasks: their runs, how they depend on it, their table and figure."""

import gymnasium
import networkx
import pytest
from ruamel.yaml import YAML

from tests.builders import imported, refused
from tests.imports import ROOT
from tests.studies.graphs import graph_of
from understudy.errors import DataError, ParameterError
from understudy.params.project import load_project
from understudy.params.whole import load_params
from understudy.utils.jsonfile import write_json

STUDY = ROOT / "studies/generalist"
TRANSFER = STUDY / "transfer"
DRAW = imported(TRANSFER / "draw.py")
RUNS = ("mountain_car", "lander_wind", "lander_gravity", "put_next_local", "unseen_pairs")
COUNTS = (1, 5, 10, 25, 50, 100)
LANDER = "LunarLander-v3"
STARTS_AS = {  # but for those that no trained task stands for
    "lander_wind": LANDER,
    "lander_gravity": LANDER,
    "put_next_local": "minigrid:BabyAI-PickupLoc-v0",
    "unseen_pairs": "minigrid:BabyAI-GoToLocal-v0",
}
START = "../../models/coarse"
OWN_LINE = f"      - {START}  # from which policies start\n"
each_run = pytest.mark.parametrize("folder", [TRANSFER / name for name in RUNS], ids=lambda path: path.name)


@each_run
def test_a_run_s_pipeline_is_the_root_s_and_depends_on_the_generalist(folder):
    text = (folder / "dvc.yaml").read_text()
    stages = YAML(typ="safe").load(text)["stages"]
    assert START in stages["select_columns"]["deps"]
    assert text.count(OWN_LINE) == 1
    own = text.replace(OWN_LINE, "").replace("vars: [{root: ../../../..}]", "vars: [{root: .}]")
    assert own == (ROOT / "dvc.yaml").read_text()


@each_run
def test_policies_differ_in_where_they_start_and_in_the_number_of_demonstrations_alone(folder):
    params, generalist = load_params(folder / "params.yaml"), load_project(STUDY / "params.yaml")
    known = STARTS_AS.get(folder.name)
    seen = set()
    for policy, block in params.policies.items():
        kept = block.model_dump() | {"starts_from": None, "starts_as": None, "demonstrations": None}
        of_generalist = generalist.policies.named("coarse").model_dump()
        assert {key: kept[key] for key in of_generalist} == of_generalist
        assert block.starts_from in (START, None)
        assert block.starts_as == (known if block.starts_from else None)
        assert policy == ("scratch_" if block.starts_from is None else "tuned_") + str(block.demonstrations) or (
            policy == "zero_shot" and block.demonstrations == 0 and known
        )
        seen.add((block.starts_from is not None, block.demonstrations))
    assert seen == {(tuned, count) for tuned in (True, False) for count in COUNTS} | ({(True, 0)} if known else set())
    assert set(params.training.seeds) <= set(generalist.training.seeds)
    assert params.comparison.differences == [[f"tuned_{count}", f"scratch_{count}"] for count in COUNTS]


@each_run
def test_there_are_as_many_demonstrations_as_the_most_that_are_asked_for(folder):
    params = load_params(folder / "params.yaml")
    episodes, share = params.rollouts.episodes, params.sequences.validation_fraction
    kept = episodes - round(episodes * share)
    assert kept >= max(COUNTS)
    assert kept == max(COUNTS) or params.rollouts.minimum_return is not None  # some are dropped
    assert params.evaluation.first_seed == load_params(ROOT / "params.yaml").evaluation.first_seed


def test_before_the_drawing_come_all_runs_and_the_generalist_that_they_start_from():
    graph = graph_of(STUDY)
    [drawing] = [each for each in graph if each.name == "draw" and each.wdir == str(TRANSFER)]
    needed = networkx.descendants(graph, drawing)
    below = {each for each in graph if each.wdir.startswith(f"{TRANSFER}/")}
    assert below <= needed
    assert {each.wdir for each in below} == {str(TRANSFER / name) for name in RUNS}
    trained = {each.name for each in needed if each.wdir == str(STUDY) and each.name.startswith("train_policy")}
    seeds = load_project(STUDY / "params.yaml").training.seeds
    assert trained == {f"train_policy@coarse-{seed}" for seed in seeds}
    assert drawing.cmd.endswith(f"draw.py {' '.join(RUNS)}")


def test_the_pairs_that_are_asked_for_are_those_that_no_trained_task_names():
    asked = load_params(TRANSFER / "unseen_pairs/params.yaml").environment.wrappers
    for name in ("go_to_obj", "go_to_local", "pickup_loc"):
        trained = load_params(STUDY / name / "params.yaml").environment.wrappers
        assert trained == [{"name": "babyai:MissionFilter", "without": asked[0]["only"]}, *asked[1:]]


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


SCORES = {"tuned_10": 0.9, "scratch_10": 0.25, "zero_shot": 0.5, "shown": 0.4}
WAYS = {"shown/prompt_1": 0.6, "shown/prompt_5": 0.7}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Runs with summaries of four policies, in which the generalist helps with wind alone."""
    for name in RUNS[:3]:
        params = YAML().load(TRANSFER / name / "params.yaml")
        if name in STARTS_AS:
            unchanged = params["policies"]["zero_shot"]
            model = dict(unchanged["model"]) | {"prompt_steps": 12, "prompt_chance": 0.25}
            play = {"variants": {"prompt_1": {"prompt": 1}, "prompt_5": {"prompt": 5}}}
            params["policies"]["shown"] = dict(unchanged) | {"model": model, "play": play}
        names = [policy for policy in SCORES if policy in params["policies"]]
        params["policies"] = {policy: dict(params["policies"][policy]) for policy in names}
        params["comparison"] |= {"baseline": "scratch_10", "differences": []}
        scores = SCORES | WAYS
        summary = {
            policy: {"score": scores[policy], "score_ci_low": scores[policy] - 0.05, "score_ci_high": 1.0}
            for policy in (*names, *(WAYS if "shown" in names else ()))
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
    DRAW.main(list(RUNS[:3]))
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
    shown = {"0": "0.400 [0.350, 1.000]", "1": "0.600 [0.550, 1.000]", "5": "0.700 [0.650, 1.000]"}
    assert rows[6:9] == [
        ["LunarLander-v3 with wind", f"{count} shown, none learned from", score, "", ""]
        for count, score in shown.items()
    ]
    assert text.endswith("by an interval above zero, in 1 of 3 tasks: LunarLander-v3 with wind.\n")
    assert (study / "results.png").stat().st_size > 1000


def test_a_summary_without_a_policy_or_a_difference_is_refused(study):
    path = study / "lander_wind/metrics/summary.json"
    row = {"score": 1.0, "score_ci_low": 1.0, "score_ci_high": 1.0}
    shown = dict.fromkeys(("zero_shot", "shown", *WAYS), row)
    write_json(path, {"tuned_10": row} | shown)
    with refused(DataError, "lander_wind/metrics/summary.json: expected an entry scratch_10, got none"):
        DRAW.read_run(study / "lander_wind")
    write_json(path, {"tuned_10": row, "scratch_10": row})
    with refused(DataError, "lander_wind/metrics/summary.json: expected an entry zero_shot, got none"):
        DRAW.read_run(study / "lander_wind")
    write_json(path, {"tuned_10": row, "scratch_10": row} | shown)
    with refused(DataError, "summary.json: expected a difference tuned_10 - scratch_10, got none"):
        DRAW.read_run(study / "lander_wind")


def test_folders_that_are_no_runs_are_refused(study):
    sentence = "expected folders among mountain_car, lander_wind, lander_gravity, put_next_local, unseen_pairs, got {}"
    for names, got in (([], "none"), (["mountain_car", "lander_heat"], "mountain_car lander_heat")):
        with refused(ParameterError, sentence.format(got)):
            DRAW.main(names)


def test_the_readme_says_what_ten_demonstrations_are_worth():
    rows = [line.split(" | ") for line in (TRANSFER / "results.md").read_text().splitlines()]
    none = {row[0]: row[2] for row in rows if row[1:2] == ["0"]}
    ten = [row for row in rows if row[1:2] == ["10"]]
    assert len(ten) == len(RUNS)
    readme = (STUDY / "README.md").read_text().replace("**", "")
    for title, _, tuned, scratch, difference in ten:
        unlearned = none[title] if none[title][0].isdigit() else "cannot act"
        assert " | ".join([title, unlearned, tuned, scratch, difference]) in readme
