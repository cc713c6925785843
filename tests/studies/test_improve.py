"""studies/improve: its runs differ in what they ask, ours and the peers have one budget, and tables hold what was measured."""

import csv
from pathlib import Path

import networkx
import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.builders import imported, refused
from tests.imports import ROOT
from tests.studies.covered import TREE, not_covered
from tests.studies.graphs import graph_of
from understudy.errors import DataError
from understudy.params.search import load_search
from understudy.params.whole import load_params
from understudy.search.loop import described
from understudy.search.trial import read_trials

STUDY = ROOT / "studies" / "improve"
MAIN = ("q", "q_mlp", "bc", "bc_25", "dt")
ENTRY = {"return_mean": 12.34, "return_ci_low": 1.0, "return_ci_high": 20.0, "return_iqm": 13.0}
ENTRY |= {"score": 0.5, "score_ci_low": 0.4, "score_ci_high": 0.6, "on_policy_agreement": 0.5}
PEERS = YAML(typ="safe").load(STUDY / "peers.yaml")


@pytest.fixture(scope="module")
def draw():
    return imported(STUDY / "draw.py")


@pytest.fixture(scope="module")
def params(draw):
    return {run: load_params(STUDY / run / "params.yaml") for run in draw.RUNS}


def test_the_same_players_are_recorded_but_for_the_learning_history(params) -> None:
    recorded = {run: (each.expert, each.rollouts) for run, each in params.items()}
    assert recorded["mediocre"] == recorded["hidden"] == recorded["ablations"]
    assert recorded["history"][0] == recorded["mediocre"][0]
    assert [player.snapshot for player in recorded["mediocre"][1].players] == [0.1, 0.12, 0.15]
    shares = [player.snapshot for player in recorded["history"][1].players]
    assert shares == [*recorded["history"][0].snapshots, 1.0]
    hidden = {run: each.sequences.hide for run, each in params.items() if each.sequences.hide}
    assert hidden.pop("wide") == ["advice"]
    assert hidden == {"hidden": ["vx", "vy", "angular_velocity"]}


def test_policies_are_trained_from_five_seeds_and_ablations_from_three(params) -> None:
    assert {run: len(each.training.seeds) for run, each in params.items()} == {
        "mediocre": 5,
        "history": 5,
        "hidden": 5,
        "ablations": 3,
        "wide": 5,
    }
    assert params["mediocre"].policies.names == params["history"].policies.names == list(MAIN)


def test_the_memoryless_baseline_differs_in_its_context_alone(params) -> None:
    for run in ("mediocre", "history", "hidden"):
        q, memoryless = (params[run].policies.named(name).model_dump() for name in ("q", "q_mlp"))
        assert memoryless["model"].pop("context") == 1 < q["model"].pop("context")
        assert q == memoryless


def test_each_ablation_is_one_thing_another(params) -> None:
    q = params["ablations"].policies.named("q")
    assert params["ablations"].policies.named("cql") == params["mediocre"].policies.named("q")
    changes = {}
    for name, block in params["ablations"].policies.items():
        model = {key for key in block.model.keys() | q.model.keys() if block.model.get(key) != q.model.get(key)}
        changes[name] = model | block.training.keys()
    assert changes == {
        "q": set(),
        "prioritized": {"replay"},
        "single_q": {"clipped_heads"},
        "two_clipped": {"clipped_heads"},
        "one_step": {"num_steps"},
        "cql": {"penalty", "penalty_weight", "penalty_temperature"},
        "floor": {"penalty"},
        "autoencoder": {"bottleneck_dim", "autoencoder_weight"},
        "one_head": {"num_heads_of_values", "clipped_heads"},
    }


def test_where_much_is_observed_codes_are_as_narrow_with_and_without_reconstruction(params) -> None:
    policies = params["wide"].policies
    code, alone = (policies.named(name).model for name in ("code_32", "code_32_alone"))
    assert code == alone | {"autoencoder_weight": 0.1}
    assert alone == policies.named("q").model | {"bottleneck_dim": 32, "autoencoder_weight": 0.0}


def test_the_search_begins_with_the_setting_that_it_is_to_beat(params) -> None:
    search = load_search(STUDY / "mediocre/search.yaml", "q")
    assert (search.trials, search.objective) == (25, "return")
    assert search.development.first_seed >= 2_000_000
    setting = {f"model.{key}": value for key, value in params["mediocre"].policies.named("q").model.items()}
    setting |= {"training.learning_rate": params["mediocre"].training.learning_rate}
    setting |= {"model.penalty": "none"}  # which the study had then
    _, trials = read_trials(STUDY / "mediocre/metrics/search/q/trials.json")
    assert len(trials) == search.trials
    assert trials[0].values == {name: setting[name] for name in search.space}


def test_all_ways_online_have_one_budget_and_one_evaluation(params) -> None:
    ways = params["mediocre"].improvement.root
    for key in ("steps", "evaluate_every", "evaluation_episodes", "evaluation_first_seed"):
        assert {getattr(block, key) for block in ways.values()} == {PEERS[key]}
    assert PEERS["seeds"] == params["mediocre"].training.seeds
    stages = YAML(typ="safe").load(STUDY / "dvc.yaml")["stages"]
    assert stages["improve"]["matrix"] == {"name": list(ways), "seed": PEERS["seeds"]}
    assert {name: (block.start, block.play) for name, block in ways.items()} == {
        "scratch_ucb": ("scratch", {"ucb": 1.0}),
        "scratch_noise": ("scratch", {}),
        "offline_ucb": ("offline", {"ucb": 1.0}),
        "offline_noise": ("offline", {}),
    }


def test_all_runs_and_all_ways_come_before_the_drawing() -> None:
    graph = graph_of(STUDY)
    [drawing] = [stage for stage in graph if stage.name == "draw"]
    before = {stage.name.partition("@")[0] for stage in networkx.descendants(graph, drawing)}
    assert {"improve", "peers", "train_policy", "report"} <= before
    assert {drawing, *networkx.descendants(graph, drawing)} == set(graph)


@pytest.mark.parametrize("stage", ["draw", "peers"])
def test_what_the_studys_own_programs_import_is_among_their_dependencies(stage) -> None:
    assert not_covered(STUDY, stage, {"q": ["q_transformer"]}, []) <= {
        "understudy",
        "understudy.params",
        "understudy.utils",
    }


def test_the_peers_run_again_for_nothing_that_they_do_not_import() -> None:
    named = YAML(typ="safe").load(STUDY / "dvc.yaml")["stages"]["peers"]["deps"]
    files = {TREE.module_file(module) for module in TREE.closure(STUDY / "peers.py").modules}
    assert {(STUDY / path).resolve() for path in named} <= {*files, STUDY / "peers.py"}


def test_the_first_evaluation_that_reaches_a_goal_counts(draw) -> None:
    curve = [(10, -5.0), (20, 205.0), (30, 190.0), (40, 260.0)]
    assert [draw.steps_to(curve, goal) for goal in (-5.0, 200.0, 250.0, 300.0)] == [10, 20, 40, np.inf]


def test_the_online_table_has_medians_over_seeds(draw) -> None:
    curves = {"ucb": {0: [(10, 0.0), (20, 210.0)], 1: [(10, 220.0), (20, 90.0)], 2: [(10, 0.0), (20, 260.0)]}}
    row = draw.online_table(curves).splitlines()[2]
    assert row == "| ucb | 3 | 210.0 | 20 | not reached |"


def test_the_offline_table_begins_with_the_recordings(draw) -> None:
    runs = {"mediocre": ({"q": ENTRY}, {"q - bc": {"gain": 0.2, "gain_ci_low": 0.1, "gain_ci_high": 0.3}})}
    lines = draw.offline_table(runs, {"mediocre": np.asarray([-100.0, 50.0])}).splitlines()
    name = draw.RUNS["mediocre"]
    assert lines[2] == f"| {name} | the recordings | -25.0 |  |  |"
    assert lines[3] == f"| {name} | q | 12.3 [1.0, 20.0] | 13.0 | 0.500 [0.400, 0.600] |"
    assert lines[5] == f"- {name}, q - bc: 0.200 [0.100, 0.300] of score"


def test_small_returns_are_told_by_more_digits(draw) -> None:
    small = {key: value / 100 if key.startswith("return") else value for key, value in ENTRY.items()}
    lines = draw.offline_table({"wide": ({"q": small}, {})}, {"wide": np.asarray([0.25, 0.5])}).splitlines()
    name = draw.RUNS["wide"]
    assert lines[2] == f"| {name} | the recordings | 0.375 |  |  |"
    assert lines[3] == f"| {name} | q | 0.123 [0.010, 0.200] | 0.130 | 0.500 [0.400, 0.600] |"


def test_the_figure_has_a_panel_a_run_and_one_of_curves(draw, tmp_path, monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(draw.pyplot, "close", drawn.append)
    runs = {run: ({"q": ENTRY, "bc": ENTRY}, {}) for run in draw.RUNS}
    curves = {"ucb": {0: [(10, 0.0), (20, 8.0)], 1: [(12, 4.0), (24, 10.0), (36, 3.0)]}, "dqn": {0: [(10, 1.0)]}}
    draw.draw(runs, curves, tmp_path / "figure.png")
    [figure] = drawn
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == [*draw.RUNS.values(), "online"]
    medians = {line.get_label(): line for line in figure.axes[5].get_lines() if not line.get_label().startswith("_")}
    assert list(medians) == ["ucb", "dqn"]
    assert medians["ucb"].get_xydata().tolist() == [[11.0, 2.0], [22.0, 9.0]]


def test_curves_are_read_by_name_and_seed(draw, tmp_path, monkeypatch, params) -> None:
    monkeypatch.chdir(tmp_path)
    with refused(DataError, "curve.csv: expected a curve, found no such file; `dvc repro` makes it"):
        draw.read_online(tmp_path / "mediocre", params["mediocre"])
    for name in params["mediocre"].improvement.root:
        for seed in params["mediocre"].training.seeds:
            folder = tmp_path / "mediocre" / "improved" / name / f"seed_{seed}"
            folder.mkdir(parents=True)
            (folder / "curve.csv").write_text(f"steps,episodes,updates,return_mean\n3000,4,5,{seed}.5\n")
    (tmp_path / "peers.csv").write_text("name,seed,steps,return_mean\ndqn,0,3000,-9\ndqn,0,6000,8\ndqn,1,3000,2\n")
    curves = draw.read_online(tmp_path / "mediocre", params["mediocre"])
    assert curves["offline_ucb"][3] == [(3000, 3.5)]
    assert curves["dqn"] == {0: [(3000, -9.0), (6000, 8.0)], 1: [(3000, 2.0)]}


def test_the_tables_in_git_are_made_of_the_results_in_git(draw, monkeypatch) -> None:
    """But for the rows of recordings and the medians online, whose files are not in git."""
    monkeypatch.chdir(STUDY)
    runs = {run: draw.read_run(Path(run)) for run in draw.RUNS}
    online, _, found = (STUDY / "results.md").read_text().partition("The search for q:\n\n")
    offline = [line for line in draw.offline_table(runs, {}).splitlines() if line]
    committed = [line for line in online.partition("| online |")[0].splitlines() if line]
    assert [line for line in committed if "| the recordings |" not in line] == offline
    assert sum("| the recordings |" in line for line in committed) == len(draw.RECORDED)
    _, trials = read_trials(STUDY / "mediocre/metrics/search/q/trials.json")
    search = load_search(STUDY / "mediocre/search.yaml", "q")
    assert found == "".join(f"- {line}\n" for line in described(search, trials))
    peers: dict[str, dict[int, list[tuple[int, float]]]] = {}
    with (STUDY / "peers.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            curve = peers.setdefault(row["name"], {}).setdefault(int(row["seed"]), [])
            curve.append((int(row["steps"]), float(row["return_mean"])))
    assert set(draw.online_table(peers).splitlines()) <= set(online.splitlines())
