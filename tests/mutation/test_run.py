"""A project of one module, whose test notices some of the mistakes."""

import json
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from tests.builders import PARAMETERS_FILE
from tests.mutation import run
from tests.mutation.operators import mutants_of
from tests.mutation.run import as_entry, drawn, key_of, modules_of, report

MODULE = "src/understudy/toy/count.py"
SOURCE = """
def count(limit):
    number = 0
    while number < limit:
        number += 1
    return number + (limit > 99)
"""
TEST = """
from understudy.toy.count import count

def test_three():
    assert count(3) == 3
"""
TRIAL = """
import json, sys
from pathlib import Path
from tests.mutation import run, trial
trial.Baseline.limit = 2.0
root = Path(sys.argv[1])
chosen = run.drawn(run.mutants_of(root, sys.argv[2]), int(sys.argv[3]), 0)
found = run.try_all(root, {"copied": ["src", "tests"], "tests": {}}, chosen, 2)
print(json.dumps([[each.after, by] for each, by in found.items()]))
"""


@pytest.fixture
def root(tmp_path):
    for path, text in ((MODULE, SOURCE), ("tests/toy/test_count.py", TEST), ("src/understudy/toy/__init__.py", "")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "src/understudy/__init__.py").write_text("")
    return tmp_path


def tried(root, count: int = 99) -> dict[str, str | None]:
    """What found so many mistakes; in a process of its own, since it forks."""
    command = [sys.executable, "-c", TRIAL, str(root), MODULE, str(count)]
    done = subprocess.run(command, cwd=PARAMETERS_FILE.parent, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_mistakes_are_found_survive_or_run_out_of_time(root):
    test = "tests/toy/test_count.py::test_three"
    expected = {
        "number = 1": None,  # as three are counted all the same
        "while number <= limit:": test,
        "while (not (number < limit)):": test,
        "number += 2": test,
        "number -= 1": "time limit",
        "pass": "time limit",
        "return number - (limit > 99)": None,
        "return number": None,
        "return number + (limit >= 99)": None,
    }
    assert tried(root) == expected
    assert (root / MODULE).read_text() == SOURCE
    log = root / ".mutants/results.jsonl"
    assert len(log.read_text().splitlines()) == len(expected)
    log.write_text(log.read_text().replace(test, "as before").replace("time limit", "as before"))
    assert set(tried(root).values()) == {None, "as before"}
    (root / "tests/toy/test_count.py").write_text(TEST + "    assert count(4) == 4\n")
    assert tried(root, 1) == {"number -= 1": "time limit"}  # of another test nothing is known before


def test_tests_that_fail_before_are_refused(root):
    (root / "tests/toy/test_count.py").write_text(TEST.replace("== 3", "== 4"))
    with pytest.raises(subprocess.CalledProcessError) as caught:
        tried(root)
    assert (
        "expected its tests to pass as it is, got a failure of tests/toy/test_count.py::test_three"
        in caught.value.stderr
    )


def test_a_draw_is_hardly_changed_by_a_change_of_the_code(root):
    mutants = mutants_of(root, MODULE)
    few = drawn(mutants, 4, seed=0)
    assert len(few) == 4
    assert set(few) < set(drawn(mutants, 6, seed=0))
    assert drawn(mutants, 4, seed=1) != few
    assert [each.start for each in few] == sorted(each.start for each in few)
    (root / MODULE).write_text("first = 1\n" + SOURCE)
    assert {each.key for each in few} <= {each.key for each in drawn(mutants_of(root, MODULE), 5, seed=0)}


def test_modules_and_their_tests(root):
    assert modules_of(root, ["src/understudy/toy/*.py"]) == [MODULE]
    (root / "tests/toy/test_count_more.py").touch()
    further = {MODULE: ["tests/other.py"]}
    assert run.tests_of(root, MODULE, further) == [
        "tests/toy/test_count.py",
        "tests/toy/test_count_more.py",
        "tests/other.py",
    ]
    with pytest.raises(ValueError, match=r"expected files that match, got none for src/nothing\.py"):
        modules_of(root, ["src/nothing.py"])
    with pytest.raises(ValueError, match=r"expected tests in tests/toy/test_other\.py, got none"):
        run.tests_of(root, "src/understudy/toy/other.py", {})


def test_the_table_counts_what_was_found_and_tells_why_the_rest_was_not(root):
    first, second, third = mutants_of(root, MODULE)[:3]
    table = report([first, second, third], {first: "test_a", second: None, third: None}, {second.key: "because"})
    assert f"| {MODULE} | 3 | 1 | 1 | 1 |" in table
    assert f"`{first.before}` -> `{first.after}`: test_a" in table
    assert "survived: because" in table
    assert "survived: NOT LISTED" in table


def test_a_mutant_can_be_listed_as_it_is_printed(root):
    for mutant in mutants_of(root, MODULE):
        [entry] = YAML(typ="safe", pure=True).load(as_entry(mutant))
        assert key_of(entry) == mutant.key


def test_all_of_the_core_can_be_tried_and_what_is_listed_is_still_there():
    """Else an hour of trials ends with a module that has no tests, or with a reason for code that is gone."""
    core, listed = (run._read(run.ROOT / "tests/mutation" / name) for name in ("core.yaml", "survivors.yaml"))
    modules = modules_of(run.ROOT, core["modules"])
    of_modules = [test for module in modules for test in run.tests_of(run.ROOT, module, core["tests"])]
    assert [test for test in of_modules if not (run.ROOT / test).is_file()] == []
    assert [module for module in core["tests"] if module not in modules] == []
    known = {mutant.key for module in {entry["module"] for entry in listed} for mutant in mutants_of(run.ROOT, module)}
    assert [entry for entry in listed if key_of(entry) not in known] == []
