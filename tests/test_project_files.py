"""What the files around the code say of versions, commands and folders is so."""

import re
import tomllib

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.cyaml import CParser

from tests.imports import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))


def read_yaml(name: str):
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text())


def test_dvc_has_its_parser_in_c_and_reads_every_file_as_we_do():
    assert YAML(typ="safe").Parser is CParser
    paths = [ROOT / "params.yaml", ROOT / "dvc.yaml", ROOT / "dvc.lock", ROOT / "search.yaml"]
    paths += [path for path in (ROOT / "studies").rglob("*.yaml") if ".dvc" not in path.parts]
    assert len(paths) > 50
    for path in paths:
        text = path.read_text()
        assert repr(YAML(typ="safe").load(text)) == repr(YAML(typ="safe", pure=True).load(text)), path


def test_the_workflow_runs_the_two_commands_on_two_pythons():
    job = read_yaml(".github/workflows/tests.yml")["jobs"]["make"]
    matrix = job["strategy"]["matrix"]
    assert matrix == {"python": ["3.11", "3.13"], "target": ["test", "repro"]}
    assert {"run": "make ${{ matrix.target }}"} in job["steps"]
    assert PROJECT["requires-python"] == f">={matrix['python'][0]}"
    supported = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if "Python :: 3" in each]
    assert [supported[0], supported[-1]] == matrix["python"]


def test_the_hooks_are_what_make_test_checks():
    [local] = read_yaml(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    programs = {hook["entry"].split()[0] for hook in local["hooks"]}
    recipe = re.search(r"^test:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.M)[1]
    called = {
        "ruff": " ruff check" in recipe,
        "mypy": '"-m", "mypy"]' in (ROOT / "tests/contracts/test_types.py").read_text(),
    }
    assert programs == {f".venv/bin/{name}" for name, is_called in called.items() if is_called}


def test_what_is_cited_is_this_version():
    citation = read_yaml("CITATION.cff")
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert citation["title"] == PROJECT["name"]


def test_the_changelog_begins_with_what_is_unreleased_and_then_this_version():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert headings[:2] == ["Unreleased", PROJECT["version"]]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_commands_and_links_lead_somewhere(name):
    text = (ROOT / name).read_text()
    commands = set(re.findall(r"\bmake ((?!sure)[a-z-]+)", "\n".join(re.findall(r"`[^`]+`|```[^`]+```", text))))
    assert commands
    assert commands <= TARGETS
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (ROOT / link).exists()] == []
