"""The stages of a project on one's own demonstrations are the root's but for the expert's; on logs, those of studies/agents."""

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


def test_a_project_of_logs_has_the_study_s_stages():
    ours, study = stages(TEMPLATES / "own_logs.yaml"), stages(ROOT / "studies/agents/dvc.yaml")
    own = {"fetch", "folds", "judge", "judge_strategies", "strategies", "two_agents", "who_and_when"}
    assert study.keys() - ours.keys() == own and not ours.keys() - study.keys()
    assert {name for name in ours if ours[name] != study[name]} == {"code", "import_logs"}
    programs = [path for path in study["code"]["deps"] if path not in ours["code"]["deps"]]
    assert {path.removesuffix(".py") for path in programs} == own
    assert ours["import_logs"]["deps"] == ["data/code/import_logs.json", "transcripts"]
