"""The stages of a project on one's own demonstrations are the root's, but for the expert's."""

from ruamel.yaml import YAML

from tests.toys import ROOT
from understudy.cli.project import TEMPLATES


def stages(path) -> dict:
    return YAML(typ="safe", pure=True).load(path.read_text())["stages"]


def test_all_other_stages_are_the_root_s():
    ours, root = stages(TEMPLATES / "own_demonstrations.yaml"), stages(ROOT / "dvc.yaml")
    assert ours.keys() - root.keys() == {"import_demonstrations"}
    assert root.keys() - ours.keys() == {"train_expert", "record_rollouts"}
    same = {name for name in ours.keys() & root.keys() if ours[name] == root[name]}
    other = {"import_demonstrations", "code", "evaluate_references", "evaluate_policy", "compare", "report"}
    assert ours.keys() - same == other
    for name in ("evaluate_references", "evaluate_policy", "compare"):
        assert ours[name]["cmd"] == f"{root[name]['cmd']} --without-expert"
