"""What a file imports, read off short files whose imports are known."""

import ast

import pytest

from tests.builders import refused
from tests.code.projects import write_project
from understudy.code.closure import SourceTree, constant, parse
from understudy.errors import DataError


@pytest.fixture
def tree(tmp_path):
    return SourceTree(write_project(tmp_path) / "src")


def program(tree, text):
    file = tree.folder / "program.py"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "modules", "packages"),
    [
        ("import understudy.deep.thought", {"understudy", "understudy.deep", "understudy.deep.thought"}, set()),
        ("from understudy.deep import thought", {"understudy", "understudy.deep", "understudy.deep.thought"}, set()),
        ("from understudy.words import speak", {"understudy", "understudy.words"}, set()),
        ("import os.path, numpy.linalg as la", set(), {"os", "numpy"}),
        ("from torch.nn import functional", set(), {"torch"}),
        ("def f():\n    if True:\n        import understudy.words", {"understudy", "understudy.words"}, set()),
        ("if TYPE_CHECKING:\n    import torch\nelse:\n    import numpy", {}, {"numpy"}),
        ('IMPORTED_BY_NAME = ("Box2D", "understudy.words")', {"understudy", "understudy.words"}, {"Box2D"}),
        ("x = 'import torch'  # import numpy", set(), set()),
    ],
)
def test_direct_imports(tree, text, modules, packages):
    imports = tree.direct_imports(program(tree, text))
    assert (set(imports.modules), set(imports.packages)) == (set(modules), packages)


def test_the_closure_goes_through_imports_in_functions_and_in_packages(tree):
    imports = tree.closure(program(tree, "import understudy.words"))
    expected = {"understudy", "understudy.words", "understudy.deep", "understudy.deep.thought"}
    assert (set(imports.modules), set(imports.packages)) == (expected, {"numpy"})


def test_modules_loaded_by_name_bring_what_they_import(tree):
    imports = tree.closure(program(tree, ""), ["understudy.models.hierarchical"])
    models = {"understudy", "understudy.models", "understudy.models.hierarchical", "understudy.models.mlp"}
    assert (set(imports.modules), set(imports.packages)) == (models, {"torch"})


def test_modules_that_import_each_other_are_read_to_an_end(tree):
    (tree.folder / "one.py").write_text("import two")
    (tree.folder / "two.py").write_text("import one")
    assert tree.closure(tree.folder / "one.py").modules == {"one", "two"}


def test_an_import_relative_to_the_file_is_refused(tree):
    file = program(tree, "\nfrom . import words")
    with refused(DataError, f"{file}: expected imports by the full name, got a relative one in line 2"):
        tree.direct_imports(file)


def test_what_is_no_python_is_refused(tree):
    file = program(tree, "def")
    with refused(DataError, f"{file}: expected Python, got"):
        parse(file)


def test_a_constant_is_its_strings_and_its_names():
    module = ast.parse('LOADS = ("expert", POLICY)\nif True:\n    OTHER = ("a",)')
    assert constant(module, "LOADS") == ("expert", "POLICY")
    assert constant(module, "OTHER") is None
    assert constant(ast.parse("LOADS = ()"), "LOADS") == ()
