"""studies/words: its runs, their stages against the root's and the programs, and its table."""

import json
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from tests.builders import imported
from tests.contracts.small_pipeline import describe
from tests.imports import ROOT
from tests.studies.covered import not_covered
from understudy.params.project import load_project
from understudy.params.word_project import WordProject
from understudy.utils.jsonfile import read_json
from understudy.word_evaluation.table import format_table

STUDY = ROOT / "studies/words"
RUNS = {"ablations": 5, "games_1000": 5, "games_5000": 5, "maze": 5, "words_100": 5, "words_430": 1}  # training seeds
ROOTS = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = YAML(typ="safe").load((STUDY / "words_100/dvc.yaml").read_text())["stages"]
each_run = pytest.mark.parametrize("run", RUNS)


@each_run
def test_a_runs_parameters_are_those_of_a_project_of_words(run):
    params = load_project(STUDY / run / "params.yaml")
    assert isinstance(params, WordProject)
    assert (params.word_evaluation.games, len(params.training.seeds)) == (4096, RUNS[run])
    assert {params.word_evaluation.baseline, "ilql"} <= set(params.policies.names)


@each_run
def test_the_runs_have_their_stages_in_common_and_what_learns_is_the_roots(run):
    assert (STUDY / run / "dvc.yaml").read_text() == (STUDY / "words_100/dvc.yaml").read_text()
    ours, roots = STAGES["train_policy"], ROOTS["train_policy"]
    assert {key: ours[key] for key in ("matrix", "cmd", "deps", "params", "outs")} == {
        key: roots[key] for key in ("matrix", "cmd", "deps", "params", "outs")
    }


def test_each_stage_depends_on_the_description_of_its_own_code():
    families = {name: block.family for name, block in load_project(STUDY / "words_100/params.yaml").policies.items()}
    described = {f"data/code/{name}.json" for name in describe(ROOT, families)}
    for name, stage in STAGES.items():
        if name != "code":
            [code] = [path for path in stage["deps"] if path.startswith("data/code")]
            assert code.replace("${item.policy}", "bc") in described
            assert code.split("/")[2].removesuffix(".json") == name


@pytest.mark.parametrize("run", ["ablations", "games_1000", "games_5000"])
def test_what_is_compared_over_runs_is_learned_alike(run):
    other, whole = (load_project(STUDY / each / "params.yaml").model_dump() for each in (run, "words_100"))
    assert other["policies"]["ilql"] == whole["policies"]["ilql"]
    assert other["policies"].get("bc", whole["policies"]["bc"]) == whole["policies"]["bc"]
    games = other["sequences"].pop("demonstrations"), whole["sequences"].pop("demonstrations")
    assert games == (None if run == "ablations" else int(run.partition("_")[2]), None)
    for params in (other, whole):
        del params["policies"], params["word_evaluation"]["baseline"]
    assert other == whole


def test_the_table_holds_every_run(tmp_path):
    numbers = {"return": -2.0, "return_ci_low": -2.5, "return_ci_high": -1.5, "seeds": 5}
    learned = numbers | {"ways_chosen": ["greedy", "greedy"], "ways": {"greedy": numbers}}
    for run in RUNS:
        (tmp_path / run / "metrics").mkdir(parents=True)
        summary = {"random": numbers | {"return": -5.0}, "bc": learned, "ilql": learned | {"return": -1.75}}
        (tmp_path / run / "metrics/summary.json").write_text(json.dumps(summary))
    command = [sys.executable, str(ROOT / "pipeline/run.py"), str(STUDY / "draw.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = (tmp_path / "results.md").read_text().splitlines()
    assert done.stdout.splitlines() == lines
    assert [line for line in lines if line.startswith("## ")] == [
        f"## {run}" for run in ("words_100", "words_430", "maze", "games_1000", "games_5000", "ablations")
    ]
    assert lines.count("| ilql | best elsewhere: greedy | -1.750 [-2.500, -1.500] |  |") == 6
    assert (tmp_path / "results.png").stat().st_size > 10_000
    (tmp_path / "maze/metrics/summary.json").write_text("{}")
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.stderr == "draw: maze/metrics/summary.json: expected a return of each who plays, got something else\n"


def test_the_table_in_git_is_made_of_the_summaries_in_git(monkeypatch):
    monkeypatch.chdir(STUDY)
    draw = imported(STUDY / "draw.py")
    runs = {run: draw.read_run(run) for run in (*draw.RUNS, *draw.FEWER, draw.TABLE_ALONE)}
    assert sorted(runs) == sorted(RUNS)
    assert draw.format_runs(runs) == (STUDY / "results.md").read_text()
    for run in RUNS:  # whose rows come in the order of params.yaml
        table = (STUDY / run / "metrics/results.md").read_text().splitlines()
        made = format_table(read_json(STUDY / run / "metrics/summary.json")).splitlines()
        assert sorted(made) == sorted(table)


def test_the_table_depends_on_all_that_its_program_imports():
    assert not_covered(STUDY, "draw", {}, []) == set()
