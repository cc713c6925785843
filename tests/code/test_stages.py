"""What each stage is said to run, in a project whose imports are known."""

import pytest

from tests.builders import refused
from tests.code.projects import FAMILIES, described, write_project
from tests.imports import ROOT
from understudy.code import stages
from understudy.code.closure import SourceTree, class_constant, parse
from understudy.code.fingerprint import fingerprint
from understudy.code.stages import describe_own, describe_stages, loads, read_stages, write_stages
from understudy.errors import DataError
from understudy.models.registry import family_names, load_family


def said(root):
    """What the program `new` of a project says that it loads."""
    return loads(root / "pipeline/new.py", SourceTree(root / "src"))


def modules(description):
    return set(description["modules"])


def test_every_stage_but_the_code_stage_is_described_and_policies_apart(tmp_path):
    assert set(described(tmp_path)) == {"first", "second", "train/small", "train/large", "train/layered"}


def test_a_description_holds_program_launcher_and_closure_with_their_hashes(tmp_path):
    first = described(tmp_path)["first"]
    assert modules(first) == {"pipeline.run", "pipeline.first", "understudy.words", "understudy.deep.thought"}
    assert first["modules"]["pipeline.run"] == fingerprint(tmp_path / "pipeline/run.py")
    assert first["modules"]["understudy.words"] == fingerprint(tmp_path / "src/understudy/words.py")


def test_a_description_holds_the_libraries_that_are_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "versions", lambda packages: {name: "1.0" for name in packages})
    found = described(tmp_path)
    assert found["first"]["distributions"] == {"numpy": "1.0"}
    assert found["second"]["distributions"] == {"json": "1.0", "sklearn": "1.0"}


def test_a_policy_brings_the_modules_of_its_family_alone(tmp_path):
    found = described(tmp_path)
    assert "understudy.models.hierarchical" not in modules(found["train/small"])
    assert {"understudy.models.hierarchical", "understudy.models.mlp"} <= modules(found["train/layered"])
    assert found["train/small"] == found["train/large"]


def test_a_stage_of_all_policies_is_told_what_their_families_read_and_loads_none(tmp_path):
    text = "from understudy.policy import load_family\n\nLOADS = (EVERY_POLICY,)\n"
    found = described(tmp_path, {"pipeline/select.py": text})["select"]
    assert found["reads"] == {"small": ["action", "label"], "large": ["action", "label"], "layered": ["option"]}
    assert not {"understudy.models.hierarchical", "understudy.models.mlp"} & modules(found)


def test_a_family_without_literal_columns_is_refused(tmp_path):
    text = "from understudy.policy import load_family\n\nLOADS = (EVERY_POLICY,)\n"
    changes = {"pipeline/select.py": text, "src/understudy/models/mlp.py": "class Model:\n    pass\n"}
    with refused(DataError, "models/mlp.py: expected a class with reads = frozenset({...})"):
        described(tmp_path, changes)


@pytest.mark.parametrize("family", family_names())
def test_the_columns_that_are_read_off_a_familys_source_are_its_own(family):
    assert set(class_constant(parse(ROOT / f"src/understudy/models/{family}.py"), "reads")) == load_family(family).reads


CHANGES = [
    ("src/understudy/words.py", "# a comment\n", set()),
    ("src/understudy/words.py", "X = 1\n", {"first"}),
    ("src/understudy/deep/thought.py", "X = 1\n", {"first"}),
    ("src/understudy/deep/__init__.py", "X = 1\n", {"first"}),
    ("src/understudy/models/hierarchical.py", "X = 1\n", {"train/layered"}),
    ("src/understudy/models/mlp.py", "X = 1\n", {"train/small", "train/large", "train/layered"}),
    ("pipeline/second.py", "X = 1\n", {"second"}),
    ("pipeline/code.py", "X = 1\n", set()),
    ("pipeline/run.py", "X = 1\n", {"first", "second", "train/small", "train/large", "train/layered"}),
]


@pytest.mark.parametrize(("file", "added", "expected"), CHANGES, ids=[f"{file} {text}" for file, text, _ in CHANGES])
def test_an_edit_changes_the_descriptions_of_what_runs_it(tmp_path, file, added, expected):
    before = described(tmp_path)
    with (tmp_path / file).open("a") as opened:
        opened.write(added)
    after = describe_stages(tmp_path, FAMILIES)
    assert {name for name in after if after[name] != before[name]} == expected


def test_a_studys_own_programs_are_described_with_what_they_import(tmp_path):
    study = write_project(tmp_path) / "studies/mine"
    study.mkdir(parents=True)
    (study / "draw.py").write_text("from understudy import words\n")
    (study / "judge.py").write_text("from understudy.policy import load_policy\n\nLOADS = ('mlp',)\n")
    (study / "play.py").write_text("from understudy.policy import load_policy\n")
    own = describe_own(tmp_path, study, {"layered": "hierarchical"})
    assert set(own) == {"own/draw", "own/judge", "own/play"}
    assert modules(own["own/draw"]) == {"own.draw", "pipeline.run", "understudy.words", "understudy.deep.thought"}
    assert own["own/draw"]["modules"]["own.draw"] == fingerprint(study / "draw.py")
    families = {"understudy.models.hierarchical", "understudy.models.mlp"}
    assert modules(own["own/judge"]) & families == {"understudy.models.mlp"}
    assert families <= modules(
        own["own/play"]
    )  # which does not say which families it loads, and so may load any policy's


@pytest.mark.parametrize(
    "text",
    [
        "from understudy.policy import load_policy\n",
        "import understudy.models.registry\n",
        "from understudy.models import registry\n",
    ],
)
def test_a_program_that_can_load_families_and_does_not_say_which_is_refused(tmp_path, text):
    program = write_project(tmp_path, {"pipeline/new.py": text}) / "pipeline/new.py"
    with refused(DataError, f"{program}: expected LOADS = (...), the families that it loads by name, found none"):
        said(tmp_path)


def test_a_program_that_only_asks_for_names_of_families_loads_none(tmp_path):
    write_project(tmp_path, {"pipeline/new.py": "from understudy.models.registry import family_names\n"})
    assert said(tmp_path) == ()


def test_a_family_that_does_not_exist_is_refused(tmp_path):
    program = write_project(tmp_path, {"pipeline/new.py": 'LOADS = ("expertt",)\n'}) / "pipeline/new.py"
    with refused(DataError, f"{program}: LOADS: expected some of ", "got 'expertt'"):
        said(tmp_path)


def test_descriptions_come_back_from_files(tmp_path):
    found = described(tmp_path)
    write_stages(tmp_path / "code", found)
    assert (tmp_path / "code/train/small.json").is_file()
    assert read_stages(tmp_path / "code") == found
    assert read_stages(tmp_path / "nowhere") == {}
