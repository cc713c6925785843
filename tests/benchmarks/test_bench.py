"""Which programs take turns on which processor, what is said meanwhile, and what becomes of a comparison."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import bench, comparisons
from benchmarks.decision_transformer import Study
from benchmarks.rows import Comparison, Group, Program, ScoreComparison
from benchmarks.settings import QUICK
from tests.benchmarks.test_decision_transformer import made
from tests.benchmarks.test_q_learning import made as made_q
from tests.toys import ROOT
from understudy.evaluation.statistics import Bootstrap
from understudy.params.whole import load_params

PARAMS = load_params(ROOT / "params.yaml")
FLOOR = ("a floor", lambda ours, machine: machine["rate"])


def chosen(monkeypatch, folder, *formats):
    monkeypatch.setattr(comparisons, "native_formats", lambda: formats)
    return comparisons.groups(QUICK, PARAMS, made(folder), made_q(folder))


def in_bfloat16(groups):
    return [
        (name, label)
        for name, group in groups.items()
        for label, program in group.programs.items()
        if "bfloat16" in [label, *program.arguments]
    ]


def test_no_program_multiplies_bfloat16_where_the_processor_has_none(monkeypatch, tmp_path):
    groups = chosen(monkeypatch, tmp_path, "float32")
    assert in_bfloat16(groups) == []
    assert groups["training"].left_out == dict.fromkeys(
        ("ours bfloat16", "hf bfloat16"), "this processor does not multiply bfloat16 natively"
    )
    assert set(groups["playing"].programs) == {"float32 128", "float32 1", "d3rlpy"}
    assert set(groups["dt_playing"].programs) == {"float32 128", "d3rlpy"}


def test_both_formats_are_measured_where_the_processor_has_them(monkeypatch, tmp_path):
    groups = chosen(monkeypatch, tmp_path, "float32", "bfloat16")
    assert len(in_bfloat16(groups)) == 6
    assert [group.left_out for group in groups.values()] == [{}] * len(groups)


@pytest.mark.parametrize("formats", [("float32",), ("float32", "bfloat16")])
@pytest.mark.parametrize("has_run", [True, False])
def test_whatever_is_compared_is_measured_or_left_out_with_a_reason(monkeypatch, tmp_path, formats, has_run):
    monkeypatch.setattr(comparisons, "native_formats", lambda: formats)
    study = made(tmp_path) if has_run else Study(tmp_path, made(tmp_path / "elsewhere").params)
    q_study = made_q(tmp_path) if has_run else Study(tmp_path, made_q(tmp_path / "elsewhere").params)
    for group in comparisons.groups(QUICK, PARAMS, study, q_study).values():
        named = {label for row in group.comparisons for label in (row.ours, row.theirs)}
        assert named <= group.programs.keys() | group.left_out.keys()
        assert not group.programs.keys() & group.left_out.keys()


def test_every_argument_is_one_that_the_program_knows(monkeypatch, tmp_path):
    """The peers' programs do not run here."""
    shared = (ROOT / "benchmarks/peers/learning.py").read_text()
    for group in chosen(monkeypatch, tmp_path, "float32", "bfloat16").values():
        for program in group.programs.values():
            source = (ROOT / f"{program.module.replace('.', '/')}.py").read_text()
            source += shared if "benchmarks.peers.learning" in source else ""
            given = {word for word in program.arguments if word.startswith("--")}
            assert {word for word in given if f'"{word}"' not in source} == set()
            needed = set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"[^)]*required=True', source))
            assert needed <= given


def test_floors_take_three_rounds_at_most(tmp_path):
    for rounds, expected in ((2, 2), (5, 3)):
        found = comparisons.groups(replace(QUICK, rounds=rounds), PARAMS, made(tmp_path), made_q(tmp_path))
        assert found["floors"].rounds == expected


def test_scores_are_measured_by_request_and_need_no_floors(monkeypatch, tmp_path):
    groups = chosen(monkeypatch, tmp_path, "float32")

    def measured(*only):
        return [name for name, group in groups.items() if bench.is_measured(name, group, groups, list(only))]

    assert measured() == [name for name in groups if "returns" not in name]
    assert measured("returns") == ["returns"]
    assert measured("dt_training", "returns") == ["floors", "dt_training", "returns"]


def test_seeds_are_of_the_runs_that_programs_name(monkeypatch, tmp_path):
    seeds = {(Path("studies/returns/lander/data/processed/sequences"), "train"): np.array([4, 2])}

    def opened(folder, split):
        return SimpleNamespace(steps=SimpleNamespace(episodes={"seed": seeds[folder, split]}))

    monkeypatch.setattr(bench, "open_sequences", opened)
    program = Program("a peer", "module", ("--seeds", "{study_seeds}"))
    bench.write_seeds({"group": Group(1, {"peer": program}, ())}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["{study_seeds}.json"]
    assert json.loads((tmp_path / "{study_seeds}.json").read_text()) == [4, 2]


def test_the_rows_of_what_is_left_out_say_so():
    comparison = [Comparison("playing", ours, "theirs", "rate", FLOOR) for ours in ("mine", "other")]
    programs = {label: Program(label, "module", ()) for label in ("mine", "theirs")}
    group = Group(1, programs, tuple(comparison), {"other": "no such format"})
    content = bench.report(group, {"mine": [{"rate": 4.0}], "theirs": [{"rate": 2.0}]}, {}, {"rate": 8.0})
    assert content["rows"][0]["ratio"]["median"] == 2.0
    assert content["rows"][1] == {"work": "playing", "skipped": "other against theirs: no such format"}
    assert content["errors"] == []


def test_a_row_of_scores_is_reported_and_other_evaluation_seeds_are_an_error():
    comparisons = tuple(
        ScoreComparison("acting", "mine", label, Bootstrap(100, 0.95, 0)) for label in ("theirs", "other")
    )
    group = Group(1, {label: Program(label, "module", ()) for label in ("mine", "theirs", "other")}, comparisons)
    figures = {
        "mine": [{"seeds": [7, 8], "returns": [[1.0, 2.0]], "expert": [2.0, 2.0], "random": [0.0, 0.0]}],
        "theirs": [{"seeds": [7, 8], "returns": [[1.0, 1.0]]}],
        "other": [{"seeds": [8, 9], "returns": [[1.0, 1.0]]}],
    }
    content = bench.report(group, figures, {}, {})
    assert content["rows"][0]["difference"]["score"] == 0.25
    assert content["errors"] == ["other: expected the 2 evaluation seeds from 7 on, got 2 from 8 on"]


def test_each_program_is_announced_and_timed(monkeypatch, tmp_path, capsys):
    def run(program, folder, number):
        if program.who == "broken":
            raise bench.BenchmarkError("broken: expected figures, got none")
        return {"rate": 1.0}

    monkeypatch.setattr(bench, "run", run)
    group = Group(2, {who: Program(who, "module", ()) for who in ("sound", "broken")}, ())
    figures, failures = bench.measure("playing", group, QUICK, tmp_path)
    assert figures == {"sound": [{"rate": 1.0}] * 2, "broken": []}
    assert failures == {"broken": "broken: expected figures, got none"}
    assert re.sub(r"\d+\.\d s", "N s", capsys.readouterr().err).splitlines() == [
        "bench: playing, round 1 of 2: sound ... N s",
        "bench: playing, round 1 of 2: broken ... failed after N s",
        "bench: broken: expected figures, got none",
        "bench: playing, round 2 of 2: sound ... N s",
    ]
