"""Nothing that is read is ever executed: no code that could, and folders that try to are refused in one line."""

import ast
import json
import os
import pickle
import sys
from contextlib import suppress

import numpy as np
import pytest
import safetensors.torch
import torch

from tests.builders import printed_by, refused, seal
from tests.toys import CHOICES, ROOT, tiny_policy
from understudy.errors import DataError
from understudy.policies.files import save_policy
from understudy.policies.predict import load_policy

FILES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")])
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "runpy"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
NAMES = {"torch.load", "torch.save", "torch.jit.load", "torch.hub.load", "os.system", "os.popen", "yaml.load"}
NAMES |= {"yaml.unsafe_load", "yaml.full_load", "subprocess.getoutput", "subprocess.getstatusoutput"}
METHODS = {"read_pickle", "to_pickle"}
IMPORTER = "importlib.import_module"
# Families of this package, and environments of mpe2 and PettingZoo alone, which tests/environments/test_parallel.py holds.
MAY_IMPORT_BY_NAME = {f"src/understudy/{name}.py" for name in ("__init__", "models/registry", "environments/parallel")}

# The user's own code, named in params.yaml; what a policy's file names is imported when it plays in a stage, not by `predict`.
MAY_IMPORT_BY_NAME |= {f"src/understudy/{name}.py" for name in ("utils/named", "cli/main", "sources/optional")}
READS_TENSORS = "src/understudy/demonstrators/sb3_zip.py"  # with weights_only, as its own tests hold
LAUNCHER = "pipeline/run.py"  # runs the stages' programs, which lie beside it


def dotted(node, aliases: dict[str, str]) -> str:
    """`np.load` as `numpy.load`, whatever the import called it; empty for what is no chain of names."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    above = dotted(node.value, aliases) if isinstance(node, ast.Attribute) else ""
    return f"{above}.{node.attr}" if above else ""


def imports(tree: ast.AST) -> tuple[set[str], dict[str, str]]:
    """The full names of all that is imported, and what each local name stands for."""
    names, aliases = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names.add(alias.name)
                local = alias.asname or alias.name.split(".")[0]
                aliases[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names, aliases


def forbidden_keyword(name: str, keywords: dict[str, ast.expr]) -> str:
    """What is wrong with the keywords of a call, empty where nothing is."""
    for keyword in ("allow_pickle", "shell"):
        if keyword in keywords and getattr(keywords[keyword], "value", None) is not False:
            return keyword
    if name.split(".")[-1] == "YAML" and getattr(keywords.get("typ"), "value", None) not in ("safe", "rt"):
        return "YAML"
    return ""


def findings(source: str) -> set[str]:
    """Everything in a source text that could execute what it reads."""
    tree = ast.parse(source)
    names, aliases = imports(tree)
    found = {name.split(".")[0] for name in names} & MODULES
    found |= names & (NAMES | {IMPORTER}) | {name.removeprefix("builtins.") for name in names} & BUILTINS
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node, aliases).removeprefix("builtins.")
            found |= {name} & (NAMES | BUILTINS | {IMPORTER}) | {name.split(".")[0]} & MODULES
            found |= {getattr(node, "attr", "")} & METHODS
        elif isinstance(node, ast.Call):
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            found |= {forbidden_keyword(dotted(node.func, aliases), keywords)} - {""}
    return found


PLANTED = {
    **{f"import {module}": module for module in sorted(MODULES)},
    "from pickle import loads": "pickle",
    "import torch as t\nt.load('x')": "torch.load",
    "from torch import load as read": "torch.load",
    "import torch\nsave = torch.save": "torch.save",
    "import numpy as np\nnp.load('x', allow_pickle=trusted)": "allow_pickle",
    "import pandas as pd\npd.read_pickle('x')": "read_pickle",
    "frame.groupby('a').mean().to_pickle('x')": "to_pickle",
    "import yaml\nyaml.load('x')": "yaml.load",
    "from ruamel.yaml import YAML\nYAML(pure=True)": "YAML",
    "import ruamel.yaml\nruamel.yaml.YAML(typ='unsafe')": "YAML",
    "eval('1')": "eval",
    "import builtins\nbuiltins.exec('1')": "exec",
    "compile('1', 'a', 'eval')": "compile",
    "run = __import__": "__import__",
    "import os\nos.system('true')": "os.system",
    "import subprocess\nsubprocess.run('true', shell=True)": "shell",
    "import importlib\nimportlib.import_module('os')": IMPORTER,
    "def late():\n    from importlib import import_module as get": IMPORTER,
}


@pytest.mark.parametrize("snippet", PLANTED)
def test_the_search_finds_what_is_planted(snippet):
    assert PLANTED[snippet] in findings(snippet)


HARMLESS = ["import re\nre.compile('a')\nmodel.eval()", "from safetensors.torch import load, save\nsave(load(b''))"]
HARMLESS += ["from ruamel.yaml import YAML\nYAML(typ='safe', pure=True)", "import numpy\nnumpy.load('x')"]
HARMLESS += ["from ruamel.yaml import YAML\nYAML(typ='rt').load('a: 1')"]  # keeps comments, makes no objects of Python


@pytest.mark.parametrize("snippet", HARMLESS)
def test_the_search_leaves_what_is_harmless(snippet):
    assert findings(snippet) == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_source_file_can_execute_what_it_reads(file):
    name = str(file.relative_to(ROOT))
    allowed = {IMPORTER} if name in MAY_IMPORT_BY_NAME else {"runpy"} if name == LAUNCHER else set()
    allowed |= {"torch.load"} if name == READS_TENSORS else set()
    assert findings(file.read_text(encoding="utf-8")) <= allowed


class Payload:
    """Unpickled, it creates a file."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "policy"
    place.mkdir()
    save_policy(tiny_policy("mlp", CHOICES), place)
    return place


@pytest.fixture
def marker(tmp_path):
    """A file that exists only if something malicious ran."""
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


def edit(folder, *place, value) -> None:
    """Set one value of policy.json, found by its keys."""
    content = json.loads((folder / "policy.json").read_text(encoding="utf-8"))
    at = content
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    with suppress(ValueError):  # what is no JSON has no hash either
        seal(content)
    (folder / "policy.json").write_text(json.dumps(content), encoding="utf-8")


FAMILIES = ["../../evil", "/tmp/evil", "os", "..", ".", "evil", "evil.payload", "__init__", "", " ", "mlp\n", "mlp\0"]
FAMILIES += [
    "a" * 100_000,
    "\uff4dlp",
    "\u043clp",
    "évil",
    "mlp:FAMILY",
    "mlp;evil",
    "$(evil)",
    "%s",
    "{evil}",
    "antigravity",
]
FAMILIES += [None, True, 0, 1.5, ["mlp"], {"mlp": 1}, [["evil"]], 10**400, "hierarchical.torch", "torch", "Policy"]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: repr(family)[:20])
def test_a_family_is_never_anything_but_a_file_in_models(folder, marker, monkeypatch, family):
    """A module of the family's name, first on the path and in the present folder, is not imported."""
    code = f"open({str(marker)!r}, 'w')\nFAMILY = object\n"
    (folder / "evil.py").write_text(code, encoding="utf-8")
    (folder / "evil").mkdir()
    (folder / "evil" / "__init__.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    edit(folder, "family", value=family)
    before = set(sys.modules)
    with refused(DataError, "policy.json"):
        load_policy(folder)
    assert {name for name in set(sys.modules) - before if "evil" in name or name == "antigravity"} == set()


NESTED: list = []
for _ in range(500):
    NESTED = [NESTED]


CONFIG = [("__class__", "Payload"), ("__reduce__", ["os.system", "true"]), ("self", 1), ("state_dim", 3), ("", 1)]
CONFIG += [("model_config", {"extra": "allow"}), ("a\nb", 1), ("hidden_dim", {"py/object": "os.system"})]
CONFIG += [("hidden_dim", value) for value in ([16], NESTED, 2**63, 10**400, -(2**64))]
CONFIG += [("num_layers", value) for value in (None, 2**63, 10**400, -(10**400))]


@pytest.mark.parametrize(("name", "value"), CONFIG, ids=lambda value: repr(value)[:20])
def test_a_config_of_other_keys_and_values_is_refused(folder, name, value):
    edit(folder, "config", name, value=value)
    with refused(DataError, "policy.json"):
        load_policy(folder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.uint8])
def test_weights_of_another_type_are_refused(folder, dtype):
    path = folder / "model.safetensors"
    safetensors.torch.save_file({k: v.to(dtype) for k, v in safetensors.torch.load_file(path).items()}, path)
    with refused(DataError, "model.safetensors", "expected torch.float32"):
        load_policy(folder)


@pytest.mark.parametrize("change", [lambda t: t[None], lambda t: t[..., :-1], lambda t: t.reshape(-1)[:0]])
def test_weights_of_another_shape_are_refused(folder, change):
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    safetensors.torch.save_file({name: change(value).contiguous() for name, value in tensors.items()}, path)
    with refused(DataError, "model.safetensors", "of shape"):
        load_policy(folder)


def test_the_payload_of_these_tests_would_run(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran"))).close()
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", ["pickle", "old pickle", "zip", "legacy", "numpy"])
@pytest.mark.parametrize("name", ["model.safetensors", "policy.json"])
def test_a_pickle_under_another_name_is_refused_and_does_not_run(folder, marker, name, form):
    path, payload = folder / name, Payload(marker)
    if form in ("zip", "legacy"):
        torch.save(payload, path, _use_new_zipfile_serialization=form == "zip")
    elif form == "numpy":
        with path.open("wb") as file:
            np.save(file, np.asarray([payload], dtype=object), allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(payload, protocol=0 if form == "old pickle" else 5))
    with refused(DataError, name):
        load_policy(folder)


NOT_JSON = ['{"a": NaN}', '{"format_version": Infinity}', "[" * 50_000, '{"a":' * 50_000, '{"a": ' + "9" * 10_000 + "}"]
NOT_JSON += ["format_version: !!python/object/apply:os.system ['true']", '{"format_version": 1}', "__import__('os')"]
NOT_JSON += ['{"format_version": 1, "format_version": 2}', '{"__proto__": {"format_version": 1}}', "\ufeff{}", "\0"]


@pytest.mark.parametrize("text", NOT_JSON, ids=lambda text: text[:20])
def test_a_description_of_strange_content_is_refused(folder, text):
    (folder / "policy.json").write_text(text, encoding="utf-8")
    with refused(DataError, "policy.json"):
        load_policy(folder)


def test_of_a_key_given_twice_no_part_can_change_the_family(folder):
    text = (folder / "policy.json").read_text(encoding="utf-8").rstrip()
    (folder / "policy.json").write_text(text[:-1] + ', "family": "os"}', encoding="utf-8")
    with refused(DataError, "policy.json"):
        load_policy(folder)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_scales_that_are_not_finite_are_refused(folder, value):
    path = folder / "policy.json"
    path.write_text(path.read_text(encoding="utf-8").replace("2.0", value), encoding="utf-8")
    with refused(DataError, "policy.json"):
        load_policy(folder)


@pytest.mark.parametrize("environment", ["evil:Evil-v0", "../../evil", "/etc/passwd", "link", "file:///evil.py"])
def test_an_environment_in_a_description_is_only_data(folder, marker, monkeypatch, environment):
    """Gymnasium would import the module before a colon; loading a policy asks it for nothing and opens no such path."""
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    os.symlink("/etc/passwd", folder / "link")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    kwargs = {"path": environment, "render_mode": "human", "nested": {"__class__": "os.system"}}
    edit(folder, "interface", "tasks", 0, "environment", "environment_id", value=environment)
    edit(folder, "interface", "tasks", 0, "environment", "kwargs", value=kwargs)
    policy = load_policy(folder)
    assert (policy.trained.task.environment.environment_id, policy.trained.task.environment.kwargs) == (
        environment,
        kwargs,
    )
    assert "evil" not in sys.modules


def test_loading_a_policy_imports_no_pickle_reader(folder):
    """In a fresh process: a folder is loaded while every way to unpickle is made to fail."""
    program = (
        "import sys, pickle, torch\n"
        "def never(*a, **k): raise SystemExit('unpickled')\n"
        "from understudy.policies.predict import load_policy\n"
        "pickle.load = pickle.loads = pickle.Unpickler = torch.load = never\n"
        "print(load_policy(sys.argv[1]).trained.family)"
    )
    assert printed_by(program, str(folder)) == "mlp\n"
