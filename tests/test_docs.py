"""The documentation, which `make docs` builds: every page is listed, links lead somewhere, commands and API names exist."""

import importlib
import re

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT
from understudy.cli.main import COMMANDS

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
FIGURES = {path.name for folder in ("metrics/figures", "benchmarks/figures") for path in (ROOT / folder).glob("*.png")}
each_page = pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: str(page.relative_to(ROOT)))


def listed(tree) -> list[str]:
    """The pages in mkdocs' nav."""
    if isinstance(tree, str):
        return [tree]
    children = tree.values() if isinstance(tree, dict) else tree
    return [page for child in children for page in listed(child)]


def test_every_page_is_in_the_sites_list():
    site = YAML(typ="safe", pure=True).load((ROOT / "mkdocs.yml").read_text())
    assert sorted(listed(site["nav"])) == [str(page.relative_to(DOCS)) for page in PAGES]
    assert (ROOT / site["hooks"][0]).is_file()


@each_page
def test_links_lead_somewhere(page):
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link]
    missing = [link for link in links if link and not (page.parent / link).exists()]
    assert [link for link in missing if not ("figures/" in link and link.rsplit("/", 1)[1] in FIGURES)] == []


@each_page
def test_commands_exist(page):
    code = "\n".join(re.findall(r"`[^`]+`|```[^`]+```", page.read_text()))
    assert set(re.findall(r"\bmake ((?!sure)[a-z-]+)", code)) <= TARGETS
    assert set(re.findall(r"^\s*`?understudy ([a-z]+)", code, flags=re.M)) <= set(COMMANDS)


def test_names_of_the_api_exist():
    for name in re.findall(r"^::: (\S+)$", (DOCS / "reference/api.md").read_text(), flags=re.M):
        module, _, last = name.rpartition(".")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), last), name


def test_settings_are_written_as_dvc_reads_them():
    """By the parser in C, to which an unquoted module:Class within brackets is an error."""
    pages = [*PAGES, *ROOT.glob("*.md"), ROOT / "custom/README.md", *ROOT.glob("studies/*/README.md")]
    blocks = [
        block for page in pages for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.M | re.S)
    ]
    assert len(blocks) > 20
    for block in blocks:
        assert YAML(typ="safe").load(block) == YAML(typ="safe", pure=True).load(block)
