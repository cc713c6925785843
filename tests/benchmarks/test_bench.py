"""Which programs take turns on which processor, what is said meanwhile, and what becomes of a comparison."""

import re
from dataclasses import replace

import pytest

from benchmarks import bench, comparisons
from benchmarks.comparisons import QUICK, Comparison, Group, Program
from tests.toys import ROOT
from understudy.params.whole import load_params

PARAMS = load_params(ROOT / "params.yaml")
FLOOR = ("a floor", lambda ours, machine: machine["rate"])


def chosen(monkeypatch, *formats):
    monkeypatch.setattr(comparisons, "native_formats", lambda: formats)
    return comparisons.groups(QUICK, PARAMS)


def in_bfloat16(groups):
    return [
        (name, label)
        for name, group in groups.items()
        for label, program in group.programs.items()
        if "bfloat16" in [label, *program.arguments]
    ]


def test_no_program_multiplies_bfloat16_where_the_processor_has_none(monkeypatch):
    groups = chosen(monkeypatch, "float32")
    assert in_bfloat16(groups) == []
    assert groups["training"].left_out == dict.fromkeys(
        ("ours bfloat16", "hf bfloat16"), "this processor does not multiply bfloat16 natively"
    )
    assert set(groups["playing"].programs) == {"float32 128", "float32 1", "d3rlpy"}


def test_both_formats_are_measured_where_the_processor_has_them(monkeypatch):
    groups = chosen(monkeypatch, "float32", "bfloat16")
    assert len(in_bfloat16(groups)) == 5
    assert [group.left_out for group in groups.values()] == [{}] * len(groups)


@pytest.mark.parametrize("formats", [("float32",), ("float32", "bfloat16")])
def test_whatever_is_compared_is_measured_or_left_out_with_a_reason(monkeypatch, formats):
    for group in chosen(monkeypatch, *formats).values():
        named = {label for row in group.comparisons for label in (row.ours, row.theirs)}
        assert named <= group.programs.keys() | group.left_out.keys()
        assert not group.programs.keys() & group.left_out.keys()


def test_floors_take_three_rounds_at_most():
    for rounds, expected in ((2, 2), (5, 3)):
        assert comparisons.groups(replace(QUICK, rounds=rounds), PARAMS)["floors"].rounds == expected


def test_the_rows_of_what_is_left_out_say_so():
    comparison = [Comparison("playing", ours, "theirs", "rate", FLOOR) for ours in ("mine", "other")]
    programs = {label: Program(label, "module", ()) for label in ("mine", "theirs")}
    group = Group(1, programs, tuple(comparison), {"other": "no such format"})
    content = bench.report(group, {"mine": [{"rate": 4.0}], "theirs": [{"rate": 2.0}]}, {}, {"rate": 8.0})
    assert content["rows"][0]["ratio"]["median"] == 2.0
    assert content["rows"][1] == {"work": "playing", "skipped": "other against theirs: no such format"}
    assert content["errors"] == []


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
