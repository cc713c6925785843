"""A project of a few short files, for the tests of what its stages run."""

from pathlib import Path

from understudy.code.stages import describe_stages

READS = "class Model:\n    reads: ClassVar[frozenset[str]] = frozenset({})\n"
FILES = {
    "src/understudy/__init__.py": '"""A package."""\n',
    "src/understudy/words.py": "def speak():\n    from understudy.deep import thought\n    return thought.ANSWER\n",
    "src/understudy/deep/__init__.py": "",
    "src/understudy/deep/thought.py": "import numpy\n\nANSWER = 42\n",
    "src/understudy/alone.py": "import json\nimport sklearn.svm\n",
    "src/understudy/models/__init__.py": "",
    "src/understudy/models/registry.py": "def load_family(name):\n    pass\n",
    "src/understudy/models/mlp.py": "import torch\n" + READS.format("{'action', 'label'}"),
    "src/understudy/models/hierarchical.py": "from understudy.models import mlp\n" + READS.format("{'option'}"),
    "src/understudy/policy.py": "from understudy.models.registry import load_family\n",
    "pipeline/run.py": "PINS = {}\n",
    "pipeline/code.py": "import understudy.words\n",
    "pipeline/first.py": "from understudy import words\n",
    "pipeline/second.py": "import understudy.alone\n",
    "pipeline/train.py": "from understudy.policy import load_family\n\nLOADS = (POLICY,)\n",
}
FAMILIES = {"small": "mlp", "large": "mlp", "layered": "hierarchical"}


def write_project(root: Path, changes: dict[str, str] | None = None) -> Path:
    """Write the files, some of them with other text; returns `root`."""
    for name, text in (FILES | (changes or {})).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def described(root: Path, changes: dict[str, str] | None = None) -> dict:
    """Descriptions of the project's stages once its files are written."""
    return describe_stages(write_project(root, changes), FAMILIES)
