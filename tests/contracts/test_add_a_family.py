"""What CONTRIBUTING.md says of adding a family, done to the letter in a small copy of the project."""

import json
import re
import shutil

import pytest

from tests.contracts.small_pipeline import ROOT, dvc, run

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def blocks():
    """The family's file and its block of params.yaml, as they stand in the text."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a family of policies")[1].split("\n## ")[0]
    [program] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    [block] = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    return program, block


def test_a_file_and_a_block_make_a_policy_and_leave_the_others_alone(tmp_path, finished, blocks):
    shutil.copytree(finished, tmp_path, symlinks=True, dirs_exist_ok=True)
    program, block = blocks
    (tmp_path / "src/understudy/models/linear.py").write_text(program)
    params = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.replace("  mlp:\n", f"{block}  mlp:\n", 1))
    printed = dvc(tmp_path, "repro")
    ran = set(re.findall(r"Running stage '(.*?)'", printed))
    assert ran == {"code", "select_columns", "train_policy@linear-0", "evaluate_policy@linear-0", "compare", "report"}
    summary = json.loads((tmp_path / "metrics/summary.json").read_text())
    assert summary["linear"]["episodes"] == 6
    assert 0 <= summary["linear"]["action_accuracy"] <= 1
    assert "dvc.yaml" not in run(tmp_path, "git", "status", "--porcelain")
