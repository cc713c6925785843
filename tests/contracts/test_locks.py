"""The root's dvc.lock is of the code in git, in an environment as requirements.lock has it: a clone has nothing else to do."""

import shutil

from tests.contracts.locks import stale_stages
from tests.imports import ROOT


def test_the_roots_results_are_of_the_code_as_it_is():
    assert stale_stages(ROOT) == {}, "`make repro`, and commit dvc.lock and metrics"


def test_another_setting_of_a_policy_and_another_code_are_told_apart(tmp_path):
    """Of a lock file it is told which stages have other descriptions; params of theirs are no code."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    lock = (ROOT / "dvc.lock").read_text()
    (tmp_path / "dvc.lock").write_text(lock)
    assert stale_stages(tmp_path) == {}
    params = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.replace("family: hierarchical", "family: action_transformer"))
    assert list(stale_stages(tmp_path)) == [
        "select_columns",
        "train_policy@hierarchical-0",
        "evaluate_policy@hierarchical-0",
    ]
