"""In sections `Args:` and `Attributes:` each argument begins its own line, alone or with others that share its text.

That every argument of a family's constructor is there stands in tests/models/test_family.py.
"""

import ast
import re

import pytest

from tests.imports import ROOT, SOURCE

FILES = sorted([*(SOURCE / "understudy").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")])
SECTION = re.compile(r"^(?:Args|Attributes):\n((?: +.*\n?)+)", re.MULTILINE)
ENTRY_START = re.compile(r"^ {4}(?! )", re.MULTILINE)
SECOND_ENTRY = re.compile(r"\. (?:[a-z_]\w*, )*[a-z_]\w*: ")  # sentences begin with a capital, names do not


def shared_lines(source):
    """Entries, with the lines that they run on to, in which another one begins."""
    documented = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    sections = [section for docstring in docstrings for section in SECTION.findall(docstring)]
    entries = [" ".join(entry.split()) for section in sections for entry in ENTRY_START.split(section)]
    return [entry for entry in entries if SECOND_ENTRY.search(entry)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_documented_argument_begins_its_own_line(file):
    assert shared_lines(file.read_text()) == []
