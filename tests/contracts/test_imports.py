"""Imports run one way, `__init__` files are docstrings, and dvc.yaml's code dependencies are exactly what each stage imports."""

import ast

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT, SOURCE, closure, direct_imports

PACKAGE = SOURCE / "understudy"
BOTTOM = {"errors", "validation", "params", "spec", "episode", "utils"}
ALLOWED = {
    "errors": set(),
    "spec": set(),
    "episode": set(),
    "validation": set(),
    "params": {"errors", "validation"},
    "utils": {"errors"},
    "stage": BOTTOM,
    "environments": BOTTOM,
    "rollouts": BOTTOM | {"environments"},
    "sequences": BOTTOM | {"environments", "rollouts"},
    "nn": {"utils.masking"},
    "losses": set(),
    "models": {"nn", "losses", "sequences.batch", "spec", "utils"},
    "policy": BOTTOM | {"environments", "nn", "sequences"},
    "policy_actor": BOTTOM | {"policy"},
    "demonstrators": BOTTOM | {"environments", "nn", "sequences", "policy"},
    "options": BOTTOM | {"sequences"},
    "training": BOTTOM | {"nn.cache", "sequences"},
    "evaluation": BOTTOM | {"options.usage", "rollouts"},
    "report": BOTTOM | {"rollouts"},
}
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
POLICIES = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["policies"]
# Stages that load a policy import its family's file by name; the expert's is one of two.
FAMILIES = {
    "train_expert": {"expert", "scripted"},
    "record_rollouts": {"expert", "scripted"},
    "evaluate_references": {"expert", "scripted"},
    "train_policy": {"${item.family}"},
    "evaluate_policy": {"${item.family}", "expert", "scripted"},
}


def part(file):
    """The part of the house that a file lies in: `nn`, `params`, ..."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules():
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file.name != "__init__.py"]


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_below_it(file):
    for imported in direct_imports(file):
        if imported.name == "__init__.py" or part(imported) == part(file):
            continue
        dotted = ".".join(imported.relative_to(PACKAGE).with_suffix("").parts)
        allowed = ALLOWED[part(file)]
        assert part(imported) in allowed or dotted in allowed, f"{file} must not import {dotted}"


def test_nothing_imports_the_pipeline():
    for file in modules():
        assert "pipeline" not in {node.split(".")[0] for node in imported_names(file)}


def test_only_the_expert_imports_stable_baselines3():
    users = [file for file in modules() if any(name.startswith("stable_baselines3") for name in imported_names(file))]
    assert sorted(users) == [PACKAGE / "demonstrators" / name for name in ("fast_ppo.py", "ppo_options.py", "sb3.py")]
    [user] = [file for file in modules() if "understudy.demonstrators.fast_ppo" in imported_names(file)]
    assert user == PACKAGE / "demonstrators" / "sb3.py"


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda file: file.parent.name)
def test_a_package_holds_nothing_but_its_docstring(file):
    body = ast.parse(file.read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


def imported_names(file):
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


def imports_of(name, family):
    """Files that a stage imports when it works with policies of this family."""
    found = closure(ROOT / "pipeline" / f"{name}.py")
    for loaded in FAMILIES.get(name, ()):
        found |= closure(PACKAGE / "models" / f"{loaded.replace('${item.family}', family)}.py")
    return {file for file in found if file.name != "__init__.py"}


def code_dependencies(name, family):
    """The files and the folders of code that dvc.yaml lists for a stage."""
    stage = STAGES[name].get("do", STAGES[name])
    paths = [path.replace("${item.family}", family) for path in stage["deps"] if path.startswith(("src/", "pipeline/"))]
    return {ROOT / path for path in paths if path.endswith(".py")}, {
        ROOT / path for path in paths if path[-3:] != ".py"
    }


def is_covered(file, files, folders):
    return file in files or any(folder in file.parents for folder in folders)


@pytest.mark.parametrize("family", sorted({policy["family"] for policy in POLICIES.values()}))
@pytest.mark.parametrize("name", STAGES)
def test_dependencies_cover_everything_a_stage_imports(name, family):
    files, folders = code_dependencies(name, family)
    uncovered = {file for file in imports_of(name, family) if not is_covered(file, files, folders)}
    assert not uncovered


@pytest.mark.parametrize("name", STAGES)
def test_every_dependency_is_imported_with_some_family(name):
    families = {policy["family"] for policy in POLICIES.values()}
    imported = set().union(*(imports_of(name, family) for family in families))
    for family in families:
        files, folders = code_dependencies(name, family)
        assert files <= imported
        assert all(any(folder in file.parents for file in imported) for folder in folders)
